"""From a model to a network: populations of neurons, and projections between them.

``lower`` watches one forward pass. A layer with a rule is handed to it, a container is looked
into, and what a forward computes between layers is followed: moves of numbers, sums, products with
constants, means. Anything else is an ``UnloweredLayerError``.

A rule of your own takes a ``LayerCall`` and returns what one of its methods returns:

* ``call.fire(neuron_model)``: neurons, one for each number of the input;
* ``call.linear(weight, bias)``, ``call.window(weight, wiring, bias)``: synapses;
* ``call.scale(factor, bias)``: a norm, or any other affine function of single numbers;
* ``call.unchanged()``: a layer that does nothing in evaluation, or only reshapes.

>>> import torch
>>> from neurospike.hw import lower, lowers
>>> from neurospike.hw.neuron_models import LIFModel
>>> class Heaviside(torch.nn.Module):
...     def forward(self, x):
...         return (x >= 0.5).to(x.dtype)
>>> @lowers(Heaviside)
... def heaviside(call):
...     return call.fire(LIFModel(decay=0.0, threshold=0.5))
>>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), Heaviside())
>>> network = lower(model, torch.rand(2, 4))
>>> [type(p.neuron).__name__ for p in network.populations]
['Source', 'LIFModel']

Currents that several neurons read belong to the first of them; the others get them by a shortcut.
Numbers that meet synapses without a neuron before them, such as the membranes that a last linear
layer reads, are sent as real numbers by a population that adds nothing, ``Membrane``.
"""

from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.registry import lowers
from neurospike.hw.lowering.running import lower

__all__ = ["LayerCall", "lower", "lowers"]
