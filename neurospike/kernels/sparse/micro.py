"""Micro-kernels in LLVM vectors with fused multiply-add, as numba intrinsics.

Each intrinsic reads rows of flat float32 arrays by offsets in elements, and keeps its
accumulators in registers. Loops are written out in LLVM because numba has no vector type.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

_F32 = ir.FloatType()
_cgutils: Any = cgutils  # untyped upstream

_I1 = ir.IntType(1)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)


def _features() -> dict[str, bool]:
    """Features of the CPU that numba compiles for: named in its configuration, or the host's."""
    named = getattr(config, "CPU_FEATURES", None)
    if named is not None:
        return {name[1:]: name[0] == "+" for name in named.split(",") if name}
    return dict(llvm.get_host_cpu_features())


def _cpu() -> str:
    return str(getattr(config, "CPU_NAME", None) or llvm.get_host_cpu_name())


_HAS = _features()
AVAILABLE = bool(_HAS.get("avx2") and _HAS.get("fma"))
"""Whether this CPU runs these kernels; elsewhere the portable path does."""

# LLVM splits 512-bit vectors on Intel, which then run out of registers: there 8 lanes are faster.
LANES = 16 if _HAS.get("avx512f") and _HAS.get("avx512vl") and _cpu().startswith("znver") else 8
"""Floats of one vector."""


class _Code:
    """LLVM building blocks for vectors of a fixed number of lanes."""

    def __init__(self, builder: Any, width: int) -> None:
        self.b = builder
        self.lanes = min(LANES, width)
        self.count = width // self.lanes
        self.vector = ir.VectorType(_F32, self.lanes)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.lanes}f32"
        self._fma = _cgutils.get_or_insert_function(builder.module, kind, name)

    def address(self, base: Any, index: Any, kind: Any) -> Any:
        element = kind if isinstance(kind, ir.IntType) else _F32
        at = self.b.gep(base, [index], source_etype=element)
        if not getattr(at.type, "is_opaque", False):
            at = self.b.bitcast(at, kind.as_pointer())
        return at

    def load(self, base: Any, index: Any, kind: Any) -> Any:
        return self.b.load(self.address(base, index, kind), align=4, typ=kind)

    def row(self, base: Any, index: Any) -> list[Any]:
        """The vectors of one row."""
        return [self.load(base, self.plus(index, v), self.vector) for v in range(self.count)]

    def store_row(self, vectors: list[Any], base: Any, index: Any) -> None:
        for v, value in enumerate(vectors):
            self.b.store(value, self.address(base, self.plus(index, v), self.vector), align=4)

    def plus(self, index: Any, vectors: int) -> Any:
        return index if vectors == 0 else self.b.add(index, const(vectors * self.lanes))

    def spread(self, base: Any, index: Any) -> Any:
        """One float in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.b.insert_element(undefined, self.load(base, index, _F32), ir.Constant(_I32, 0))
        order = ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes)
        return self.b.shuffle_vector(one, undefined, order)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return self.b.call(self._fma, [a, b, c])

    def prefetch(self, base: Any, index: Any) -> None:
        """Fetch the cache line of one float for reading."""
        at = self.address(base, index, _F32)
        kind = ir.FunctionType(ir.VoidType(), [at.type, _I32, _I32, _I32])
        name = "llvm.prefetch.p0" if getattr(at.type, "is_opaque", False) else "llvm.prefetch.p0f32"
        fetch = _cgutils.get_or_insert_function(self.b.module, kind, name)
        self.b.call(fetch, [at, *(ir.Constant(_I32, value) for value in (0, 3, 1))])

    def row_start(self, rows: Any, pair: Any, stride: Any, base: Any) -> Any:
        """``base + rows[pair] * stride`` for an int32 list of rows."""
        row = self.b.sext(self.load(rows, pair, _I32), _I64)
        return self.b.add(base, self.b.mul(row, stride))


def const(value: int) -> Any:
    """An int64 constant."""
    return ir.Constant(_I64, value)


class _Loop:
    """``while condition: body`` with loop-carried values, as one basic block."""

    def __init__(self, builder: Any, enter: Any, carried: list[Any]) -> None:
        self.b = builder
        self.before = builder.block
        self.start = carried
        self.body = builder.append_basic_block("loop")
        self.end = builder.append_basic_block("done")
        builder.cbranch(enter, self.body, self.end)
        builder.position_at_end(self.body)
        self.values = []
        for value in carried:
            phi = builder.phi(value.type)
            phi.add_incoming(value, self.before)
            self.values.append(phi)

    def close(self, again: Any, updated: list[Any]) -> list[Any]:
        """End the body; returns the carried values behind the loop."""
        for phi, value in zip(self.values, updated, strict=True):
            phi.add_incoming(value, self.body)
        self.b.cbranch(again, self.body, self.end)
        self.b.position_at_end(self.end)
        final = []
        for first, last in zip(self.start, updated, strict=True):
            phi = self.b.phi(first.type)
            phi.add_incoming(first, self.before)
            phi.add_incoming(last, self.body)
            final.append(phi)
        return final


def _pointers(context: Any, builder: Any, kinds: Any, values: Any) -> list[Any]:
    return [
        _cgutils.create_struct_proxy(kind)(context, builder, value=value).data
        for kind, value in zip(kinds, values, strict=True)
    ]


_INT = types.int64


def make_gather_gemm(rows: int, width: int) -> Any:
    """``rows`` pairs at once: out[o_p, :width] += x[i_p, :c_in] @ w[:c_in, :width].

    The input rows of the pairs ``ahead`` of these are fetched into the cache meanwhile.
    """

    @intrinsic
    def gather_gemm(typing, x, w, out, ins, outs, pair, ahead, x0, ldx, o0, ldo, w0, ldw, c_in):  # type: ignore[no-untyped-def]
        signature = types.void(x, w, out, ins, outs, *[_INT] * 9)

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            xp, wp, op, ip, jp = _pointers(context, builder, signature.args[:5], args[:5])
            pair, ahead, x0, ldx, o0, ldo, w0, ldw, c_in = args[5:]
            code = _Code(builder, width)
            pairs = [builder.add(pair, const(r)) for r in range(rows)]
            xs = [code.row_start(ip, p, ldx, x0) for p in pairs]
            os = [code.row_start(jp, p, ldo, o0) for p in pairs]
            for p in pairs:
                code.prefetch(xp, code.row_start(ip, builder.add(p, ahead), ldx, x0))
            sums = [vector for o in os for vector in code.row(op, o)]
            loop = _Loop(builder, builder.icmp_signed(">", c_in, const(0)), [const(0), w0, *sums])
            c, at, *sums = loop.values
            weights = code.row(wp, at)
            new = []
            for r in range(rows):
                value = code.spread(xp, builder.add(xs[r], c))
                for v in range(code.count):
                    new.append(code.fma(value, weights[v], sums[r * code.count + v]))
            after = builder.add(c, const(1))
            again = builder.icmp_signed("<", after, c_in)
            _, _, *sums = loop.close(again, [after, builder.add(at, ldw), *new])
            for r in range(rows):
                code.store_row(sums[r * code.count : (r + 1) * code.count], op, os[r])
            return context.get_dummy_value()

        return signature, generate

    return gather_gemm


def make_gather_events(width: int) -> Any:
    """One pair, non-zero channels only: out[o:] += sum over set bits c of x[c] * w[c, :width]."""

    @intrinsic
    def gather_events(typing, x, w, out, bits, xi, oi, w0, ldw):  # type: ignore[no-untyped-def]
        signature = types.void(x, w, out, types.uint64, *[_INT] * 4)

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            xp, wp, op = _pointers(context, builder, signature.args[:3], args[:3])
            bits, xi, oi, w0, ldw = args[3:]
            code = _Code(builder, width)
            loop = _Loop(
                builder,
                builder.icmp_unsigned("!=", bits, const(0)),
                [bits, *code.row(op, oi)],
            )
            bits, *sums = loop.values
            c = builder.cttz(bits, ir.Constant(_I1, 1))
            value = code.spread(xp, builder.add(xi, c))
            weights = code.row(wp, builder.add(w0, builder.mul(c, ldw)))
            new = [code.fma(value, weights[v], sums[v]) for v in range(code.count)]
            rest = builder.and_(bits, builder.sub(bits, const(1)))
            again = builder.icmp_unsigned("!=", rest, const(0))
            _, *sums = loop.close(again, [rest, *new])
            code.store_row(sums, op, oi)
            return context.get_dummy_value()

        return signature, generate

    return gather_events


def make_outer_gemm(rows: int, width: int) -> Any:
    """Pairs first..last: dw[:rows, :width] += sum of x[i_p, :rows] (outer) y[o_p, :width]."""

    @intrinsic
    def outer_gemm(typing, x, y, dw, ins, outs, first, last, x0, ldx, y0, ldy, w0, ldw):  # type: ignore[no-untyped-def]
        signature = types.void(x, y, dw, ins, outs, *[_INT] * 8)

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            xp, yp, wp, ip, jp = _pointers(context, builder, signature.args[:5], args[:5])
            first, last, x0, ldx, y0, ldy, w0, ldw = args[5:]
            code = _Code(builder, width)
            starts = [builder.add(w0, builder.mul(ldw, const(r))) for r in range(rows)]
            sums = [vector for start in starts for vector in code.row(wp, start)]
            loop = _Loop(builder, builder.icmp_signed("<", first, last), [first, *sums])
            pair, *sums = loop.values
            xi = code.row_start(ip, pair, ldx, x0)
            ys = code.row(yp, code.row_start(jp, pair, ldy, y0))
            new = []
            for r in range(rows):
                value = code.spread(xp, builder.add(xi, const(r)))
                for v in range(code.count):
                    new.append(code.fma(value, ys[v], sums[r * code.count + v]))
            after = builder.add(pair, const(1))
            _, *sums = loop.close(builder.icmp_signed("<", after, last), [after, *new])
            for r in range(rows):
                code.store_row(sums[r * code.count : (r + 1) * code.count], wp, starts[r])
            return context.get_dummy_value()

        return signature, generate

    return outer_gemm


def make_outer_events(width: int) -> Any:
    """One channel of many pairs: dw[:width] += sum over set bits p of x[i_p] * y[o_p, :width].

    ``x_rows`` and ``y_rows`` hold the offsets i_p and o_p of the chunk's pairs in elements.
    """

    @intrinsic
    def outer_events(typing, x, y, dw, x_rows, y_rows, bits, x0, y0, w0):  # type: ignore[no-untyped-def]
        signature = types.void(x, y, dw, x_rows, y_rows, types.uint64, _INT, _INT, _INT)

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            xp, yp, wp, ip, jp = _pointers(context, builder, signature.args[:5], args[:5])
            bits, x0, y0, w0 = args[5:]
            code = _Code(builder, width)
            loop = _Loop(
                builder,
                builder.icmp_unsigned("!=", bits, const(0)),
                [bits, *code.row(wp, w0)],
            )
            bits, *sums = loop.values
            pair = builder.cttz(bits, ir.Constant(_I1, 1))
            value = code.spread(xp, builder.add(x0, code.load(ip, pair, _I64)))
            ys = code.row(yp, builder.add(y0, code.load(jp, pair, _I64)))
            new = [code.fma(value, y, total) for y, total in zip(ys, sums, strict=True)]
            rest = builder.and_(bits, builder.sub(bits, const(1)))
            again = builder.icmp_unsigned("!=", rest, const(0))
            _, *sums = loop.close(again, [rest, *new])
            code.store_row(sums, wp, w0)
            return context.get_dummy_value()

        return signature, generate

    return outer_events


@intrinsic
def _prefetch(typing, x, at):  # type: ignore[no-untyped-def]
    """Fetch the cache line of x[at]."""
    signature = types.void(x, _INT)

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        (xp,) = _pointers(context, builder, signature.args[:1], args[:1])
        _Code(builder, LANES).prefetch(xp, args[1])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _nonzero_bits(typing, x, at):  # type: ignore[no-untyped-def]
    """uint64 whose low ``LANES`` bits say which of x[at : at + LANES] are not zero."""
    signature = types.uint64(x, _INT)

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        (xp,) = _pointers(context, builder, signature.args[:1], args[:1])
        code = _Code(builder, LANES)
        values = code.load(xp, args[1], code.vector)
        zero = ir.Constant(code.vector, [0.0] * code.lanes)
        flags = builder.fcmp_unordered("!=", values, zero)
        return builder.zext(builder.bitcast(flags, ir.IntType(code.lanes)), _I64)

    return signature, generate


nonzero_bits: Any = _nonzero_bits
prefetch: Any = _prefetch
