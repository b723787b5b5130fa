"""Rules of the library transformers' own leaves, by name: the library itself is not imported."""

from __future__ import annotations

from neurospike.hw.operations import Call, Operations
from neurospike.hw.registry import counts
from neurospike.hw.rules_stateless import moves, token_norm
from neurospike.hw.rules_weights import parameter

_MODELS = "transformers.models"

counts(
    f"{_MODELS}.convnext.modeling_convnext.ConvNextDropPath",
    f"{_MODELS}.convnextv2.modeling_convnextv2.ConvNextV2DropPath",
    f"{_MODELS}.cvt.modeling_cvt.CvtDropPath",
    f"{_MODELS}.cvt.modeling_cvt.CvtSelfAttentionLinearProjection",
    f"{_MODELS}.poolformer.modeling_poolformer.PoolFormerDropPath",
    f"{_MODELS}.pvt.modeling_pvt.PvtDropPath",
    f"{_MODELS}.pvt_v2.modeling_pvt_v2.PvtV2DropPath",
    f"{_MODELS}.swin.modeling_swin.SwinDropPath",
    f"{_MODELS}.swin.modeling_swin.SwinRelativePositionBias",
)(moves)

counts(
    f"{_MODELS}.convnext.modeling_convnext.ConvNextLayerNorm",
    f"{_MODELS}.convnextv2.modeling_convnextv2.ConvNextV2LayerNorm",
)(token_norm)


@counts(f"{_MODELS}.poolformer.modeling_poolformer.PoolFormerGroupNorm")
def image_norm(call: Call) -> Operations:
    """Statistics of each whole image: squares and the scale with its shift; sum, subtraction."""
    return Operations(macs=2 * call.values.numel(), acs=2 * call.values.numel())


@counts(f"{_MODELS}.convnextv2.modeling_convnextv2.ConvNextV2GRN")
def global_response_norm(call: Call) -> Operations:
    """Squares, the response's product, scale with shift, and the shortcut, at every number."""
    n = call.values.numel()
    channels = len(call.values) * parameter(call.layer, "weight").numel()
    # A mean over channels and a quotient for each of them.
    return Operations(macs=3 * n + channels, acs=n + channels)
