"""What travels through a SpikingSequential, and how stateless layers meet it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.func import functional_call

from neurospike.nn.unary import collapse
from neurospike.sparse.voxel_tensor import VoxelTensor

_LINEAR = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
)
_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
# The maximum of unary events is the unary code of the maximum: v events fill the first v steps.
_PASSING = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
)


@dataclass(frozen=True)
class Flow:
    """A value between two layers.

    Attributes
    ----------
    value
        A dense sequence (T * depth, B, ...), or a VoxelTensor, which knows its own depth.
    depth
        Virtual steps per integer step of a dense value; 1 for integers.
    single
        Whether it all began as one step, to which the last value comes back.
    """

    value: Tensor | VoxelTensor
    depth: int = 1
    single: bool = False

    @classmethod
    def of_sequence(cls, x: Tensor | VoxelTensor) -> Flow:
        """A whole sequence; voxels with features (N, C) are one step."""
        if isinstance(x, VoxelTensor):
            return cls(x, single=x.features.ndim == 2 or x.one_step)
        return cls(x)

    @classmethod
    def of_step(cls, x: Tensor | VoxelTensor) -> Flow:
        """One step's input, (B, ...) or voxels with features (N, C)."""
        return cls(x if isinstance(x, VoxelTensor) else x[None], single=True)

    def integers(self) -> Flow:
        """The same with unary events summed to integers."""
        if isinstance(self.value, VoxelTensor):
            return replace(self, value=collapse(self.value))
        if self.depth == 1:
            return self
        return Flow(collapse(self.value, self.depth), single=self.single)

    def then(self, y: Tensor | VoxelTensor, depth: int = 1) -> Flow:
        """The next value; dense steps made of one step of voxels get their time axis."""
        from_voxels = isinstance(self.value, VoxelTensor)
        if from_voxels and self.single and isinstance(y, Tensor):
            y = y[None]
        return Flow(y, depth if isinstance(y, Tensor) else 1, self.single)

    def result(self) -> Tensor | VoxelTensor:
        """What the outside sees: integers, with a time axis only where there was one."""
        value = self.integers().value
        return value[0] if self.single and isinstance(value, Tensor) else value


def apply_stateless(layer: nn.Module, flow: Flow) -> Flow:
    """Apply a layer without memory to every step: time is folded into the batch.

    Linear layers, and modules that say ``synaptic = True``, meet unary events, are summed over
    the virtual steps, and add their bias once. What only moves values passes events on. All
    others (norms, activations, dropout in training) meet integers.
    """
    x = flow.value
    if not isinstance(x, VoxelTensor):
        value, depth = _apply_dense(layer, x, flow.depth)
        return Flow(value, depth, flow.single)
    if not _works_on_rows(layer):
        return flow.then(layer(x if _is_linear(layer) else collapse(x)))
    features = x.features[None] if x.features.ndim == 2 else x.features
    value, depth = _apply_dense(layer, features, x.virtual_steps)
    if depth == 1:
        # Not value[0]: its gradient would be a copy into zeros.
        rows = value.squeeze(0) if flow.single else value
        return flow.then(VoxelTensor.on(x.active, rows))
    return flow.then(VoxelTensor.on(x.active, value, virtual_steps=depth, one_step=x.one_step))


def _apply_dense(layer: nn.Module, x: Tensor, depth: int) -> tuple[Tensor, int]:
    if depth == 1:
        return _each_step(layer, x), 1
    if _is_linear(layer):
        return _sum_events(layer, x, depth), 1
    if isinstance(layer, _PASSING) or (isinstance(layer, _DROPOUT) and not layer.training):
        return _each_step(layer, x), depth
    return _each_step(layer, collapse(x, depth)), 1


def _sum_events(layer: nn.Module, x: Tensor, depth: int) -> Tensor:
    """Apply ``layer`` to every virtual step without its bias, sum, add the bias once."""
    bias = getattr(layer, "bias", None)
    if not isinstance(bias, Tensor):
        return collapse(_each_step(layer, x), depth)
    silenced = {"bias": bias.new_zeros(bias.shape)}
    y = collapse(_each_step(layer, x, silenced), depth)
    trailing = len(getattr(layer, "kernel_size", ()))
    return y + bias.reshape(-1, *[1] * trailing)


def _each_step(layer: nn.Module, x: Tensor, changed: dict[str, Tensor] | None = None) -> Tensor:
    """``layer`` on (T, B, ...) as on one batch of T * B; (T, features) goes in as it is."""
    batch = x.flatten(0, 1) if x.ndim > 2 else x
    y: Tensor = layer(batch) if changed is None else functional_call(layer, changed, (batch,))
    return y.reshape(*x.shape[:2], *y.shape[1:]) if x.ndim > 2 else y


def _is_linear(layer: nn.Module) -> bool:
    return isinstance(layer, _LINEAR) or getattr(layer, "synaptic", False) is True


def _works_on_rows(layer: nn.Module) -> bool:
    """Torch's own leaf layers take voxels as rows of features; all others take VoxelTensors."""
    return type(layer).__module__.startswith("torch.nn.") and not any(layer.children())
