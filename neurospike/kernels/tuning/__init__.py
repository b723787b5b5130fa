"""What was measured to be fastest on this device, by operation and shape: a small table on disk.

A choice of backend asks ``lookup(op, device, key)`` and takes its own default where that is None.
Only ``neurospike tune`` measures; nothing is measured behind a user's back. An operation is called
``folder.function``, such as "neurons.lif". In a key, numbers are sizes: the nearest measured size
answers, within a factor of four. Strings must be equal. So what must not differ, such as a dtype
or a number of channels that a tile is made for, goes into the key as a string::

    key = (shape_class(rows), f"{c_in}x{c_out}", "bfloat16")
    found = lookup("sparse.convolve", features.device, key)
    config = default(rows) if found is None else CONFIGS[found["config"]]

A kernel that asks so can be searched without another hook: inside ``forced(op, choice)`` every
lookup of that operation answers ``choice``, backward passes included. The search tries the
default (None), ``{"config": i}`` for each of the module's ``CONFIGS``, and ``{"backend": name}``
where whole paths compete. ``cases.py`` lists what is searched.

Nothing here imports Triton.
"""

from neurospike.kernels.tuning.classes import density_class, shape_class
from neurospike.kernels.tuning.rows import Key
from neurospike.kernels.tuning.search import measure
from neurospike.kernels.tuning.table import forced, lookup, record

__all__ = ["Key", "density_class", "forced", "lookup", "measure", "record", "shape_class"]
