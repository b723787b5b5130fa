"""A network that meets one scan after the other, as a sensor sends them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurospike.encoders import Voxelizer
from neurospike.errors import ArgumentError
from neurospike.nn.stateful import State
from neurospike.runtime.carry import Places, carry_by_voxel
from neurospike.runtime.devices import device_of, now
from neurospike.runtime.latency import Latency, LatencyRecord, LatencySummary

Points = NDArray[Any] | Tensor
Voxelize = Callable[[Points], Any]
Decode = Callable[[Any], Any]


@dataclass(frozen=True)
class ScanResult:
    """What came of one scan.

    Attributes
    ----------
    output
        What the network found, for instance the detector's boxes, scores and labels.
    point_to_voxel
        int64 (N,), the voxel of each point, -1 where it has none; None where the voxeliser does
        not say.
    number
        Scans of this sensor before this one.
    restarted
        Whether a state, or a clock, was left behind before this scan.
    """

    output: Any
    voxels: int
    point_to_voxel: Tensor | None
    sensor: Hashable
    number: int
    restarted: bool
    latency: Latency


@dataclass
class _Stream:
    """One sensor: its state, what voxels that is of, and when its last scan came."""

    state: State | None = None
    places: Places | None = None
    time_s: float | None = None
    scans: int = 0


class ScanSession:
    """Points in, results out, scan by scan: voxelise, run the network, decode.

    A network with ``step`` and ``init_state`` (any ``nn.Stateful``) keeps a state for each sensor
    from scan to scan. One without, such as the published detector at T = 1, starts every scan
    from rest: its time steps lie within a scan.

    Parameters
    ----------
    model
        A network in evaluation mode that takes what the voxeliser makes.
    voxelizer
        ``encoders.Voxelizer``, for points (N, 3 + F) as x, y, z and features; or a function of
        the points to a VoxelTensor, or to (VoxelTensor, point_to_voxel).
    decode
        The network's output to the result. Left out: what the network's ``decode`` gives for the
        one scan, or its output as it is where it has none.
    max_gap_s
        A sensor whose clock steps back, or forward by more than this, starts from rest. Scans
        without a time never do.
    state_per_voxel
        The state has a row for each voxel of the scan. Rows of voxels that are occupied again
        are carried; others are forgotten, new ones start from rest. Without it the state is
        handed on as it is, for networks whose neurons stand on a fixed grid.
    remember
        Scans that ``latency`` looks back on.

    Raises
    ------
    ArgumentError
        A network in training mode, a gap that is no positive time.
    StateError
        From the network or the carrying, a state that does not fit the scan.

    Cost
    ----
    Memory of one scan, of one state a sensor, and of ``remember`` latencies: constant over any
    number of scans. The first scan compiles the kernels it meets, unless ``neurospike warmup``
    has. Clocks are read once the network's device has finished: on CUDA four waits a scan.

    Examples
    --------
    >>> import numpy as np
    >>> import neurospike.nn as spiking
    >>> count = torch.nn.Sequential(spiking.SparseGlobalPool("mean")).eval()
    >>> session = ScanSession(count, Voxelizer(1.0, (0, 0, 0, 4, 4, 4)))
    >>> scan = np.array([[0.5, 0.5, 0.5, 1.0], [2.5, 0.5, 0.5, 0.0]], np.float32)
    >>> session(scan).output.tolist()
    [[1.5, 0.5, 0.5, 0.5]]
    >>> session.latency().scans
    1
    """

    def __init__(
        self,
        model: nn.Module,
        voxelizer: Voxelizer | Voxelize,
        *,
        decode: Decode | None = None,
        max_gap_s: float = 1.0,
        state_per_voxel: bool = False,
        remember: int = 1000,
    ) -> None:
        if model.training:
            raise ArgumentError(
                "ScanSession.model: must be in evaluation mode, so that a scan does not change "
                "it; call model.eval() first."
            )
        if not max_gap_s > 0:
            raise ArgumentError(f"ScanSession.max_gap_s: must be above 0; got {max_gap_s}.")
        self.model = model
        self.max_gap_s = max_gap_s
        self.state_per_voxel = state_per_voxel
        self.stateful = callable(getattr(model, "step", None)) and callable(
            getattr(model, "init_state", None)
        )
        self._voxelize = _of_points(voxelizer) if isinstance(voxelizer, Voxelizer) else voxelizer
        self._decode = decode or _decoder(model)
        self._streams: dict[Hashable, _Stream] = {}
        self._record = LatencyRecord(remember)

    def __call__(
        self, points: Points, *, time_s: float | None = None, sensor: Hashable = 0
    ) -> ScanResult:
        """Run one scan.

        Parameters
        ----------
        points
            (N, 3 + F), x, y, z in metres and features; N may be 0. An array, or a tensor where
            the network is.
        time_s
            When it was taken, by the sensor's own clock.
        sensor
            Whose scan it is: a name or a number.
        """
        _check_points(points)
        if time_s is not None and not math.isfinite(time_s):
            raise ArgumentError(f"ScanSession.time_s: must be a finite time; got {time_s}.")
        stream, restarted = self._stream(sensor, time_s)
        device = self._device(points)
        began = now(device)
        made = self._voxelize(points)
        voxels, point_to_voxel = made if isinstance(made, tuple) else (made, None)
        voxelised = now(device)
        with torch.no_grad():
            outputs = self._step(voxels, stream) if self.stateful else self.model(voxels)
            ran = now(device)
            result = self._decode(outputs)
        ended = now(device)
        latency = Latency(1e3 * (voxelised - began), 1e3 * (ran - voxelised), 1e3 * (ended - ran))
        self._record.add(latency)
        stream.time_s = time_s if time_s is not None else stream.time_s
        stream.scans += 1
        count = len(voxels.features) if voxels.features.ndim == 2 else voxels.features.shape[1]
        return ScanResult(
            result, count, point_to_voxel, sensor, stream.scans - 1, restarted, latency
        )

    def reset(self, sensor: Hashable | None = None) -> None:
        """Forget one sensor's state and clock, or those of all; latencies are kept."""
        if sensor is None:
            self._streams.clear()
        else:
            self._streams.pop(sensor, None)

    def latency(self) -> LatencySummary:
        """Latency over the scans so far; of all sensors together."""
        return self._record.summary()

    def clear_latency(self) -> None:
        """Forget latencies, for instance those of the first scans, which compile."""
        self._record.clear()

    @property
    def sensors(self) -> tuple[Hashable, ...]:
        """Sensors that were heard of."""
        return tuple(self._streams)

    def _stream(self, sensor: Hashable, time_s: float | None) -> tuple[_Stream, bool]:
        stream = self._streams.setdefault(sensor, _Stream())
        if time_s is None or stream.time_s is None:
            return stream, False
        if not 0 <= time_s - stream.time_s <= self.max_gap_s:
            stream.state, stream.places = None, None
            return stream, True
        return stream, False

    def _device(self, points: Points) -> torch.device:
        """Whose work the clocks wait for: a GPU's, where points or network are on one."""
        if isinstance(points, Tensor) and points.is_cuda:
            return points.device
        return device_of(self.model)

    def _step(self, voxels: Any, stream: _Stream) -> Any:
        model: Any = self.model
        state = stream.state
        if state is None:
            state = model.init_state(voxels)
        elif self.state_per_voxel and stream.places is not None:
            rest = model.init_state(voxels)
            state = carry_by_voxel(state, rest, stream.places, Places.of(voxels))
        outputs, stream.state = model.step(voxels, state)
        stream.places = Places.of(voxels) if self.state_per_voxel else None
        return outputs


def _of_points(voxelizer: Voxelizer) -> Voxelize:
    def voxelize(points: Points) -> Any:
        features = points[:, 3:] if points.shape[1] > 3 else None
        return voxelizer(points[:, :3], features)

    return voxelize


def _decoder(model: nn.Module) -> Decode:
    decode = getattr(model, "decode", None)
    return (lambda outputs: decode(outputs)[0]) if callable(decode) else (lambda outputs: outputs)


def _check_points(points: Any) -> None:
    shape = np.shape(points)
    if len(shape) != 2 or shape[1] < 3:
        raise ArgumentError(
            f"ScanSession.points: must be (N, 3 + F), x, y, z in metres first; got {shape}."
        )
