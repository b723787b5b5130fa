"""Operations that a forward computes by itself, outside of any layer with a rule.

Products of matrices, convolutions and attention are counted, moves of numbers pass their origin
on, functions of single numbers are free as in every convention; anything else is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neurospike.hw.accesses import Access, Memory, by_events, by_products, held, words
from neurospike.hw.fan_out import conv_fan_out, events_through, shape_of, transposed_fan_out
from neurospike.hw.fourier_ops import macs_each, transform
from neurospike.hw.operations import Operations, added, total
from neurospike.hw.origins import Kind, Origin, Origins, Trail
from neurospike.hw.rules_stateless import INTERPOLATION_TAPS, folded_norm

REAL = Origin(Kind.REAL)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOVES = _names(
    "clone _to_copy copy contiguous cat stack index index_select gather take masked_select "
    "masked_fill where constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d "
    "replication_pad1d replication_pad2d replication_pad3d slice_scatter select_scatter "
    "index_copy scatter index_fill roll flip repeat repeat_interleave pixel_shuffle "
    "pixel_unshuffle im2col tril triu sort topk kthvalue channel_shuffle lift_fresh _pin_memory "
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d index_put embedding complex"
)
SELECTS = _names(
    "max_pool2d_with_indices max_pool2d max_pool3d_with_indices max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d amax amin max min relu abs maximum minimum"
)
BLANKS = _names("zeros zeros_like new_zeros empty empty_like new_empty empty_strided")
CONSTANTS = _names(
    "ones_like full_like new_ones new_full rand_like randn_like bernoulli native_dropout uniform "
    "normal fill exponential random full_copy"
)
FREE = _names(
    "_softmax _safe_softmax _log_softmax logsumexp _prelu_kernel log_sigmoid_forward median "
    "nanmedian mode log_softmax softmax hardtanh lift rrelu_with_noise searchsorted bucketize histc"
)
SUMS = _names("sum mean nansum cumsum")
SQUARES = _names("var std var_mean std_mean norm linalg_vector_norm prod cumprod _fused_rms_norm")
SCATTERED_SUMS = _names("index_add scatter_add scatter_reduce index_reduce")
PRODUCTS = _names("mul div addcmul addcdiv lerp")


class Stray(NamedTuple):
    """Operations of one function call, over the batch, and the origin of what it returned."""

    operations: Operations
    origin: Origin


def count_function(name: str, args: Operands, origins: Origins) -> Stray | None:
    """Count one function by its name; None where its cost is unknown."""
    if name in BLANKS:
        return Stray(Operations(), Origin(Kind.BLANK))
    if name in CONSTANTS or not args.tensors:
        return Stray(Operations(), REAL)
    if name in MOVES:
        return _move(name, args, origins)
    if name in SELECTS:
        return Stray(Operations(), Origin(args.joined(origins).kind))
    if name in _WEIGHTED:
        return _WEIGHTED[name](args, origins)
    if name in _OTHERS:
        return _OTHERS[name](args, origins)
    if name in SUMS:
        return _sum(name, args, origins)
    if name in SQUARES:
        return Stray(Operations(macs=args.tensors[0].numel()), REAL)
    if name in SCATTERED_SUMS:
        return Stray(Operations(acs=args.tensors[-1].numel()), args.joined(origins))
    if name in FREE:
        return Stray(Operations(), REAL)
    return None


class Operands:
    """Arguments and result of one function call."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        self.args = args
        self.kwargs = kwargs
        self.out: Tensor = (numbers_in(out) or flat(out))[0]
        self.tensors = [t for t in flat((*args, *kwargs.values())) if t.layout == torch.strided]

    def stored(self, origins: Origins) -> bool:
        """Whether every sample has the same operands."""
        return all(origins.of(t).stored for t in self.tensors)

    def memories(self, origins: Origins) -> tuple[list[Memory], Memory]:
        """Where operands of one dimension or more lie, and where the result does."""
        wide = [t for t in numbers_in(self.tensors) if t.ndim]
        out = held(self.out, stored=self.stored(origins))
        return [_held(t, origins) for t in wide] or [out], out

    def joined(self, origins: Origins) -> Origin:
        """The origin of numbers that were moved together; indices and masks do not matter."""
        found = [origins.of(t) for t in self.tensors if t.dtype == self.out.dtype]
        found = found or [origins.of(t) for t in self.tensors]
        kind = max(o.kind for o in found)
        return found[0] if len(found) == 1 else Origin(kind)


def flat(value: Any) -> list[Tensor]:
    """Every tensor in nested lists and tuples."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in flat(item)]
    return []


def numbers_in(out: Any, name: str = "") -> list[Tensor]:
    """What a function computed; integers are indices, unless a product of matrices made them."""
    everything = flat(out)
    found = [t for t in everything if t.dtype.is_floating_point or t.dtype.is_complex]
    return found or (everything if name in _WEIGHTED else [])


def pointwise(name: str, args: Operands, origins: Origins) -> Stray:
    """A function of numbers in equal places: sums and products of two tensors are counted."""
    wide = [t for t in args.tensors if t.ndim > 0]
    kinds = [origins.of(t).kind for t in wide]
    scalars = len(wide) < 2
    spikes = bool(kinds) and max(kinds) <= Kind.SPIKES
    if name in ("add", "sub", "rsub"):
        if spikes and not scalars and name == "add" and args.kwargs.get("alpha", 1) == 1:
            return Stray(Operations(note="events merged"), Origin(max(kinds)))
        if name == "add" and _is_bias(wide, args.out, origins):
            origin = Origin(Kind.REAL, Trail.BIASED, events=origins.of(wide[0]).events)
            return Stray(Operations(acs=args.out.numel(), note="bias"), origin)
        counted = not scalars and Kind.BLANK not in kinds
        adds = args.out.numel() if counted else 0
        return Stray(Operations(acs=adds, note="shortcut" if counted else ""), REAL)
    if name in PRODUCTS and not scalars:
        if spikes and name == "mul":
            return Stray(Operations(), Origin(max(kinds)))
        macs = args.out.numel() if min(kinds) == Kind.REAL else 0
        return Stray(Operations(macs=macs * macs_each(*wide), note="products"), REAL)
    return Stray(Operations(), REAL)


def _is_bias(operands: list[Tensor], out: Tensor, origins: Origins) -> bool:
    """Whether something smaller is added to what comes straight out of a layer of synapses."""
    return (
        len(operands) == 2
        and operands[1].numel() < operands[0].numel() == out.numel()
        and origins.of(operands[0]).trail == Trail.WEIGHTS
    )


def _move(name: str, args: Operands, origins: Origins) -> Stray:
    accumulate = name == "index_put" and len(args.args) > 3 and args.args[3]
    adds = flat(args.args[2])[0].numel() if accumulate else 0
    return Stray(Operations(acs=adds), args.joined(origins))


def _sum(name: str, args: Operands, origins: Origins) -> Stray:
    source = args.tensors[0]
    origin = origins.of(source)
    if origin.kind == Kind.SPIKES:
        kept = origin if name == "sum" else REAL
        return Stray(Operations(acs=total(source), note="event sums"), kept)
    if origin.events and name == "sum":
        # Adding what events brought to one membrane is what each event already did.
        return Stray(Operations(), origin)
    outputs = 0 if name == "cumsum" else args.out.numel()
    return Stray(Operations(acs=max(source.numel() - outputs, 0)), REAL)


def _held(tensor: Tensor, origins: Origins) -> Memory:
    return held(tensor, stored=origins.of(tensor).stored)


def _product(a: Tensor, b: Tensor, origins: Origins) -> Operations:
    """(..., n, k) times (..., k, m): dense, by the events of one side, or by coincidences."""
    n, k, m = a.shape[-2], a.shape[-1], b.shape[-1]
    left, right = (origins.of(t).kind == Kind.SPIKES for t in (a, b))
    above, below = (_held(t, origins) for t in (a, b))
    sums = math.prod(a.shape[:-2]) * n * m * words(a)
    out = Memory(sums, above.stored and below.stored)
    if left and right:
        return _coincidences(a, b, (above, below), out)
    if left:
        return _events(total(a), total(a) * m, above, below, out)
    if right:
        return _events(total(b), total(b) * n, below, above, out)
    macs = math.prod(a.shape[:-2]) * n * k * m * macs_each(a, b)
    return Operations(macs=macs, accesses=by_products(macs, (above, below), out))


def _events(
    events: float, reached: float, source: Memory, weights: Memory, out: Memory
) -> Operations:
    accesses = by_events(events, reached, source, weights=weights, sums=out)
    return Operations(synops=reached, accesses=accesses)


def _coincidences(a: Tensor, b: Tensor, memories: tuple[Memory, Memory], out: Memory) -> Operations:
    """Every event is read, and a sum is updated where two of them meet."""
    both = float((a.abs().double() @ b.abs().double()).sum())
    read = (Access(total(t), memory) for t, memory in zip((a, b), memories, strict=True))
    return Operations(
        synops=both, note="spikes meet spikes", accesses=(*read, Access(2 * both, out))
    )


def _weighted(operations: Operations, biased: bool, outputs: int) -> Stray:
    trail = Trail.BIASED if biased else Trail.WEIGHTS
    counted = replace(operations, acs=float(outputs) if biased else 0.0)
    return Stray(counted, Origin(Kind.REAL, trail, events=operations.synops > 0))


def _matmul(args: Operands, origins: Origins) -> Stray:
    a, b = args.args[:2]
    if a.ndim == 1:
        a = a[None]
    return _weighted(_product(a, b if b.ndim > 1 else b[:, None], origins), False, 0)


def _added_matmul(args: Operands, origins: Origins) -> Stray:
    a, b = args.args[1:3]
    found = _product(a, b if b.ndim > 1 else b[:, None], origins)
    return _weighted(found, args.kwargs.get("beta", 1) != 0, args.out.numel())


def _linear(args: Operands, origins: Origins) -> Stray:
    found = _product(args.args[0].flatten(0, -2), args.args[1].t(), origins)
    return _weighted(found, len(args.tensors) > 2, args.out.numel())


def _convolution(args: Operands, origins: Origins) -> Stray:
    x, weight, bias, stride, padding, dilation, transposed, extra, groups = args.args[:9]
    kernel = shape_of(weight.shape[2:])
    axes = len(kernel)
    shape, targets = shape_of(x.shape[-axes:]), weight.shape[1 if transposed else 0]
    stride, padding, dilation, extra = (
        shape_of(v) if len(v) == axes else shape_of(v) * axes
        for v in (stride, padding, dilation, extra)
    )
    if not transposed:
        targets //= groups
    source, weights, out = _held(x, origins), _held(weight, origins), held(args.out)
    if origins.of(x).kind == Kind.SPIKES:
        fan_out = (
            transposed_fan_out(shape, kernel, stride, padding, extra, dilation)
            if transposed
            else conv_fan_out(shape, kernel, stride, padding, dilation)
        )
        reached = events_through(x, fan_out) * targets
        found = _events(total(x), reached, source, weights, out)
    else:
        places = x.numel() * targets if transposed else args.out.numel() * weight.shape[1]
        macs = places * math.prod(kernel) * macs_each(x, weight)
        found = Operations(macs=macs, accesses=by_products(macs, (source, weights), out))
    return _weighted(found, bias is not None, args.out.numel())


def _attention(args: Operands, origins: Origins) -> Stray:
    """Scores, then the sums of values that they weigh: what two products of matrices cost."""
    query, key, value = args.args[:3]
    pairs = math.prod(query.shape[:-1]) * key.shape[-2]
    between = Memory(pairs)
    if query.shape[:-2] == key.shape[:-2]:
        scores = _product(query, key.transpose(-1, -2), origins)
    else:  # several heads share a key
        macs = pairs * query.shape[-1]
        factors = _held(query, origins), _held(key, origins)
        scores = Operations(macs=macs, accesses=by_products(macs, factors, between))
    weighed, out = _held(value, origins), held(args.out)
    if origins.of(value).kind == Kind.SPIKES:
        repeats = math.prod(query.shape[:-2]) / math.prod(value.shape[:-2])
        reached = total(value) * query.shape[-2] * repeats
        mixing = _events(total(value), reached, weighed, between, out)
    else:
        macs = pairs * value.shape[-1]
        mixing = Operations(macs=macs, accesses=by_products(macs, (between, weighed), out))
    return Stray(added((scores, mixing)), REAL)


def _layer_norm(args: Operands, _origins: Origins) -> Stray:
    n = args.tensors[0].numel()
    return Stray(Operations(macs=2 * n, acs=2 * n), REAL)


def _batch_norm(args: Operands, origins: Origins) -> Stray:
    training = args.args[5]
    return (_layer_norm if training else _folded_norm)(args, origins)


def _folded_norm(args: Operands, origins: Origins) -> Stray:
    x = args.tensors[0]
    return Stray(folded_norm(x.numel(), origins.of(x).trail), REAL)


def _average_pool(args: Operands, origins: Origins) -> Stray:
    x = args.tensors[0]
    if origins.of(x).kind == Kind.SPIKES:
        return Stray(Operations(acs=total(x), note="event sums"), REAL)
    return Stray(Operations(acs=max(x.numel() - args.out.numel(), 0)), REAL)


def _gated(args: Operands, _origins: Origins) -> Stray:
    return Stray(Operations(macs=args.out.numel()), REAL)


def _fourier(args: Operands, _origins: Origins) -> Stray:
    return Stray(transform(args.tensors[0], args.out, args.args[1]), REAL)


def _interpolated(taps: int) -> Callable[[Operands, Origins], Stray]:
    return lambda args, _origins: Stray(Operations(macs=args.out.numel() * taps), REAL)


_WEIGHTED: dict[str, Callable[[Operands, Origins], Stray]] = {
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot", "_int_mm"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm", "addmv", "addbmm"), _added_matmul),
    "linear": _linear,
    "convolution": _convolution,
    "_convolution": _convolution,
    **dict.fromkeys(
        (
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
        ),
        _attention,
    ),
}

_OTHERS: dict[str, Callable[[Operands, Origins], Stray]] = {
    # Without statistics of training, a BatchNorm takes those of its input, as InstanceNorm does.
    **dict.fromkeys(
        ("native_layer_norm", "native_group_norm", "_native_batch_norm_legit"), _layer_norm
    ),
    **dict.fromkeys(("native_batch_norm", "cudnn_batch_norm"), _batch_norm),
    "_native_batch_norm_legit_no_training": _folded_norm,
    **dict.fromkeys(
        (
            "avg_pool1d",
            "avg_pool2d",
            "avg_pool3d",
            "_adaptive_avg_pool2d",
            "_adaptive_avg_pool3d",
        ),
        _average_pool,
    ),
    **dict.fromkeys(("_fft_r2c", "_fft_c2r", "_fft_c2c"), _fourier),
    "glu": _gated,
    "ger": _gated,
    "upsample_linear1d": _interpolated(INTERPOLATION_TAPS["linear"]),
    "upsample_bilinear2d": _interpolated(INTERPOLATION_TAPS["bilinear"]),
    "upsample_trilinear3d": _interpolated(INTERPOLATION_TAPS["trilinear"]),
    "upsample_bicubic2d": _interpolated(INTERPOLATION_TAPS["bicubic"]),
}
