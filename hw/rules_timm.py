"""Rules of the library timm's own leaves, by name: the library itself is not imported."""

from __future__ import annotations

from neurospike.hw.operations import Call, Operations, total
from neurospike.hw.registry import counts
from neurospike.hw.rules_stateless import activation, moves, token_norm
from neurospike.hw.rules_transformers import global_response_norm, image_norm
from neurospike.hw.rules_weights import linear

counts("timm.layers.activations.*")(activation)
counts("timm.layers.linear.Linear")(linear)
counts(
    "timm.layers.drop.DropPath",
    "timm.layers.pos_embed_rel.RelPosBias",
    "timm.models.levit.Downsample",
)(moves)
counts(
    "timm.layers.norm.GroupNorm",
    "timm.layers.norm.LayerNorm",
    "timm.layers.norm.LayerNorm2d",
    "timm.layers.norm.LayerNormFp32",
    "timm.layers.norm.LayerNorm2dFp32",
    "timm.models.metaformer.LayerNorm2dNoBias",
)(token_norm)
counts("timm.layers.norm.GroupNorm1", "timm.models.metaformer.GroupNorm1NoBias")(image_norm)
counts("timm.layers.grn.GlobalResponseNorm")(global_response_norm)


@counts(
    "timm.layers.layer_scale.LayerScale",
    "timm.layers.layer_scale.LayerScale2d",
    "timm.models.fastvit.LayerScale2d",
    "timm.models.hgnet.LearnableAffineBlock",
    "timm.models.metaformer.Scale",
    "timm.models.mlp_mixer.Affine",
    "timm.models.vision_transformer.LayerScale",
)
def scale(call: Call) -> Operations:
    """One product per number, the shift with it."""
    return Operations(macs=call.values.numel(), note="scale")


@counts("timm.layers.adaptive_avgmax_pool.FastAdaptiveAvgPool")
def mean_over_images(call: Call) -> Operations:
    """The mean of each channel."""
    if call.spikes:
        return Operations(acs=total(call.values), note="event sums")
    return Operations(acs=call.values.numel() - call.out_values.numel())
