"""Pure maths: neuron steps and surrogate gradients."""

__all__: list[str] = []
