"""A row of numbers as one value in numba code: vectors that LLVM cannot fail to see.

Loops over several arrays stay scalar where the compiler cannot rule out that they overlap. A
``load`` gives LANES numbers in registers; sums, differences and products work on them; ``store``
puts them back. Products and sums may be fused.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
"""Numbers in a row: one 512-bit register of float32; LLVM splits it where there is none."""


class Lanes(types.Type):
    """LANES numbers of one real type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        real = ir.FloatType() if kind.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(real, LANES))  # type: ignore[no-untyped-call]


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    struct = context.make_array(kind)(context, builder, array)
    at = builder.gep(struct.data, [index])
    vector = context.get_value_type(Lanes(kind.dtype))
    return builder.bitcast(at, vector.as_pointer())


def _align(kind: Any) -> int:
    return int(kind.dtype.bitwidth // 8)


@intrinsic
def _load(_typing: Any, array: Any, index: Any) -> Any:
    """LANES numbers of a flat array, from ``index`` on."""

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        at = _address(context, builder, array, args[0], args[1])
        vector = context.get_value_type(Lanes(array.dtype))
        return builder.load(at, align=_align(array), typ=vector)

    return Lanes(array.dtype)(array, types.int64), generate


@intrinsic
def _store(_typing: Any, array: Any, index: Any, row: Any) -> Any:
    """Write LANES numbers into a flat array, from ``index`` on."""

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        at = _address(context, builder, array, args[0], args[1])
        builder.store(args[2], at, align=_align(array))
        return context.get_dummy_value()

    return types.void(array, types.int64, row), generate


@intrinsic
def _spread(_typing: Any, value: Any) -> Any:
    """One number in every lane."""

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        vector = context.get_value_type(Lanes(value))
        undefined = ir.Constant(vector, ir.Undefined)
        zero = ir.Constant(ir.IntType(32), 0)
        one = builder.insert_element(undefined, args[0], zero)
        order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, undefined, order)

    return Lanes(value)(value), generate


# Untyped, for callers leave out the typing context.
load: Any = _load
store: Any = _store
spread: Any = _spread


def _operation(name: str) -> Any:
    @intrinsic
    def apply(_typing: Any, a: Any, b: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return getattr(builder, name)(*args, flags=("contract",))

        return a(a, b), generate

    return apply


_add, _sub, _mul = _operation("fadd"), _operation("fsub"), _operation("fmul")


def _lanes(a: Any, b: Any) -> bool:
    return isinstance(a, Lanes) and a == b


@overload(operator.add)
def _overload_add(a, b):  # type: ignore[no-untyped-def]  # numba compares signatures
    return (lambda a, b: _add(a, b)) if _lanes(a, b) else None


@overload(operator.sub)
def _overload_sub(a, b):  # type: ignore[no-untyped-def]  # numba compares signatures
    return (lambda a, b: _sub(a, b)) if _lanes(a, b) else None


@overload(operator.mul)
def _overload_mul(a, b):  # type: ignore[no-untyped-def]  # numba compares signatures
    return (lambda a, b: _mul(a, b)) if _lanes(a, b) else None
