"""How fast norms forget: plain means over the first batches, then the published pace."""

from __future__ import annotations

from torch import nn

from neurospike.encoders.spike_voxel_coding import BN_MOMENTUM


def pace_norms(model: nn.Module, momentum: float = BN_MOMENTUM) -> None:
    """Set the momentum of every norm before a training step.

    The running statistics begin as mean 0 and variance 1, far above what convolutions with small
    weights give: at a momentum of 0.01 a thousand batches pass before evaluation sees the network
    that was trained. Until batch 1 / momentum the statistics are plain means over all batches so
    far; from then on they move at that pace.

    Parameters
    ----------
    momentum
        Share of a new batch from batch 1 / momentum on.

    Cost
    ----
    A walk over the modules.

    Examples
    --------
    >>> norm = nn.BatchNorm1d(2)
    >>> pace_norms(norm)
    >>> norm.momentum
    1.0
    """
    norms = [part for part in model.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    seen = next((part.num_batches_tracked for part in norms), None)
    share = max(momentum, 1.0 / (1 + (0 if seen is None else int(seen))))
    for norm in norms:
        norm.momentum = share
