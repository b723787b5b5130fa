"""Delay layers and the SHD network's training step on a GPU, beside DCLS and spikingjelly."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from neurospike.bench import delays
from neurospike.bench.gpu_neurons import peer_name
from neurospike.bench.gpu_rig import OURS, Candidates, Rig, Row
from neurospike.errors import MissingExtraError

LOSSES = 0.05
"""How far the loss may lie from the CPU's: a spike that flips is followed by others."""

ROUNDED, ROUNDED_LOSSES = 1e-2, 0.2
"""The same, of the peer: its convolutions round to tf32, as torch lets cuDNN unless it is told."""


def run(repeats: int = 15) -> list[Row]:
    """A row a case and peer: how many times ours is faster, then smaller.

    Raises
    ------
    MissingExtraError
        DCLS or spikingjelly is not installed.
    """
    return measure(Rig.cuda(repeats))


def measure(rig: Rig) -> list[Row]:
    """A layer forward and backward, then a training step of the network, with peak memory."""
    for name in ("DCLS", "spikingjelly"):
        if find_spec(name) is None:
            raise MissingExtraError(
                f"bench.gpu_delays: compares with {name}, which is not installed; "
                f"pip install --no-deps {name}."
            )
    size = f"{delays.WIDTH} -> {delays.WIDTH}, kernel {delays.WINDOW}, T = {delays.STEPS}"
    layer = f"delay layer forward + backward, {size}, B = {delays.BATCH}"
    step = f"SHD train step, 2 x 256, B = {delays.BATCH}"
    return [
        *rig.guarded(layer, partial(_layer, rig, layer)),
        *rig.guarded(step, partial(_network, rig, step)),
    ]


def _layer(rig: Rig, case: str) -> list[Row]:
    right = delays.layers((OURS,))[OURS]
    # Products of whole layers may sum in any order, and on a GPU do.
    return rig.race(
        case,
        delays.layers(device=rig.device),
        right=right,
        tolerance=1e-4,
        peers_tolerance=ROUNDED,
        memory=True,
    )


def _network(rig: Rig, case: str) -> list[Row]:
    """Losses of the first step are compared without dropout, whose masks are drawn anew."""
    theirs = f"published network on {delays.PEER} and {peer_name(rig.device)}"

    def both(dropout: float | None) -> Candidates:
        steps = delays.networks(device=rig.device, dropout=dropout)
        return {OURS: steps[delays.OURS], theirs: steps[delays.NET_PEER]}

    return rig.race(
        case,
        both(None),
        right=delays.networks((delays.OURS,), dropout=0.0)[delays.OURS],
        trials=both(0.0),
        tolerance=LOSSES,
        peers_tolerance=ROUNDED_LOSSES,
        whole=True,
        memory=True,
    )
