"""How a tensor that a layer reads is laid out: rows of columns, grids, or a block as it was."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.lowering.builder import Builder
from neurospike.hw.lowering.labels import ZERO
from neurospike.hw.lowering.nodes import Labels, Node
from neurospike.hw.lowering.registry import unlowered

MIXED = (
    "reads numbers whose order is not time, then the layer's own axes; permute them back, or give "
    "what moved them a layer of its own, with a rule"
)


@dataclass(frozen=True)
class Part:
    """What one node gives to a layer of synapses.

    Attributes
    ----------
    node
        The node.
    columns
        Input features, or channels, of the layer that it gives.
    numbers
        Their numbers within a step of the node; channels only where sites are wired by a window.
    once
        Whether its first step is repeated.
    """

    node: Node
    columns: NDArray[np.int64]
    numbers: NDArray[np.int64]
    once: bool


def clock(steps: Labels, rows: int, node: Node, where: str) -> bool:
    """Check that rows are the node's steps in order; True where they repeat the first one."""
    if rows == node.steps and (steps == np.arange(rows)).all():
        return False
    if (steps == 0).all():
        return True
    raise unlowered(
        where,
        f"reads {rows} of the {node.steps} steps of what is before it, or in another order; time "
        "may be repeated from one step, or padded by zeros behind its end, and nothing else",
    )


def trimmed(labels: Labels) -> tuple[Labels, int]:
    """Rows without the zeros behind their end, and how many of those there were."""
    flat = labels.reshape(len(labels), -1)
    used = np.flatnonzero((flat != ZERO).any(1))
    last = int(used[-1]) + 1 if used.size else len(labels)
    return labels[:last], len(labels) - last


def flat_rows(builder: Builder, labels: Labels, where: str) -> list[Part]:
    """Rows (steps, features) whose features are any numbers of any nodes."""
    parts = []
    for node in builder.nodes_in(labels[:1]):
        if node.space.level is not None:
            raise unlowered(
                where,
                "reads voxels one by one, which differ from sample to sample; make them a grid "
                "with nn.ToDense, or pool them",
            )
        columns = np.flatnonzero((labels[0] >= node.base) & (labels[0] < node.base + node.size))
        step, number = node.split(labels[:, columns])
        if (step != step[:, :1]).any() or (number != number[:1]).any():
            raise unlowered(where, MIXED)
        once = clock(step[:, 0], len(labels), node, where)
        parts.append(Part(node, columns, number[0], once))
    given = sum(len(part.columns) for part in parts)
    constant = int((labels == ZERO).all(0).sum())
    if given + constant != labels.shape[1]:
        raise unlowered(where, "reads numbers that neither the input nor a neuron sent")
    return parts


def site_rows(builder: Builder, labels: Labels, where: str) -> list[Part]:
    """Rows (steps * sites, channels) whose channels are those of one site, in the nodes' order."""
    parts = []
    for node in builder.nodes_in(labels[:1]):
        columns = np.flatnonzero((labels[0] >= node.base) & (labels[0] < node.base + node.size))
        step, number = node.split(labels[:, columns])
        site, channel = np.divmod(number, node.channels)
        rows = np.arange(len(labels))
        if (
            (step != step[:, :1]).any()
            or (channel != channel[:1]).any()
            or (site != (rows % node.sites)[:, None]).any()
        ):
            raise unlowered(where, MIXED)
        steps = step[:: node.sites, 0]
        parts.append(Part(node, columns, channel[0], clock(steps, len(steps), node, where)))
    if sum(len(part.columns) for part in parts) != labels.shape[1]:
        raise unlowered(where, "reads numbers that neither the input nor a neuron sent")
    return parts


def grid_rows(builder: Builder, labels: Labels, where: str) -> list[Part]:
    """Rows (steps, channels, *space) of nodes on that grid."""
    space = labels.shape[2:]
    sites = math.prod(space)
    flat = labels.reshape(*labels.shape[:2], sites)
    parts = []
    for node in builder.nodes_in(flat[:1]):
        first = flat[0, :, 0]
        columns = np.flatnonzero((first >= node.base) & (first < node.base + node.size))
        if node.space.shape != space or node.space.level is not None:
            raise unlowered(
                where,
                f"reads a grid of {space} from neurons on {node.space.shape or 'no grid'}; "
                "keep one grid, or wire them by a linear layer",
            )
        step, number = node.split(flat[:, columns])
        channel = number[0, :, 0] % node.channels
        expected = np.arange(sites)[None, :] * node.channels + channel[:, None]
        if (step != step[:, :1, :1]).any() or (number != expected).any():
            raise unlowered(where, MIXED)
        parts.append(Part(node, columns, channel, clock(step[:, 0, 0], len(flat), node, where)))
    if sum(len(part.columns) for part in parts) != flat.shape[1]:
        raise unlowered(where, "reads numbers that neither the input nor a neuron sent")
    return parts


def block(node: Node, labels: Labels, where: str) -> tuple[Labels, bool]:
    """(steps, numbers of a step) of a tensor that holds a whole node, time first.

    The second is whether the tensor repeats the node's first step.
    """
    rows = labels.size // max(node.per_step, 1)
    if rows * node.per_step != labels.size:
        raise unlowered(where, f"reads a part of what is before it. {MIXED}")
    if rows == node.steps and (labels.reshape(-1) == node.labels().reshape(-1)).all():
        return np.arange(node.per_step)[None].repeat(rows, 0), False
    step, number = node.split(labels.reshape(rows, node.per_step))
    if (step != step[:, :1]).any() or (number != number[:1]).any():
        raise unlowered(where, MIXED)
    in_order = (number[0] == np.arange(node.per_step)).all()
    if not in_order and (np.bincount(number[0], minlength=node.per_step) != 1).any():
        raise unlowered(where, MIXED)
    return number, clock(step[:, 0], rows, node, where)
