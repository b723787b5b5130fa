"""Conventional opponents by name."""

import builtins

from neurospike.baselines import (  # noqa: F401 - adds their families
    ann_twin,
    convit,
    hornet,
    hugging,
    inceptionnext,
    metaformer,
    point_transformer,
    pointnet,
    timm_models,
    unireplknet,
    vanillanet,
)
from neurospike.baselines.merging import deployed, merges
from neurospike.baselines.registry import Baseline, add, create, find, known

__all__ = ["Baseline", "add", "create", "deployed", "find", "known", "list", "merges"]


def list() -> builtins.list[str]:
    """Names that ``create`` knows; ``timm:NAME`` besides, where timm is installed."""
    return [*known()]
