"""Pure maths: neuron steps and surrogate gradients."""

from neurospike.functional import neurons, surrogate
from neurospike.functional.adaptive import AdaptiveRule, adaptive_step
from neurospike.functional.cuba import CubaRule, cuba_step
from neurospike.functional.neurons import LIFRule, ilif_step, leak, lif_step

__all__ = [
    "AdaptiveRule",
    "CubaRule",
    "LIFRule",
    "adaptive_step",
    "cuba_step",
    "ilif_step",
    "leak",
    "lif_step",
    "neurons",
    "surrogate",
]
