"""Pure maths: neuron steps and surrogate gradients."""

from neurospike.functional import neurons, surrogate
from neurospike.functional.neurons import LIFRule, ilif_step, leak, lif_step

__all__ = ["LIFRule", "ilif_step", "leak", "lif_step", "neurons", "surrogate"]
