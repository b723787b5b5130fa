"""The sections of a recipe, one concept each; defaults leave a concept out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Share = Field(default=0.0, ge=0, lt=1)
Amount = Field(default=0.0, ge=0)
Count = Field(default=0, ge=0)


def _ordered(factors: tuple[float, float]) -> tuple[float, float]:
    if not 0 < factors[0] <= factors[1]:
        raise ValueError("must be a least and a largest factor above 0, in this order")
    return factors


Factors = Annotated[tuple[float, float], AfterValidator(_ordered)]


class Part(BaseModel):
    """A section that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPart(Part):
    """Which data set, by name, and its keyword arguments (``root`` comes from the caller)."""

    name: Literal[
        "solids",
        "modelnet",
        "occupancy",
        "shd",
        "ssc",
        "speechcommands",
        "fsdd",
        "spoken-tones",
        "kitti",
        "semantickitti",
        "streets",
    ]
    arguments: dict[str, Any] = Field(default_factory=dict)
    protocol: Literal["clean", "legacy"] = "clean"


class AugmentPart(Part):
    """What only training clouds undergo; lengths in the unit of the points."""

    drop_points: float = Share
    rotate: Literal["none", "z", "all"] = "none"
    scale: Factors = (1.0, 1.0)
    shift: float = Amount
    jitter: float = Amount


class EverySamplePart(Part):
    """What every cloud undergoes, test samples included: part of the task itself."""

    normalise: bool = False
    rotate: Literal["none", "z", "all"] = "none"
    thin_to_voxels: int = Count


class VoxelPart(Part):
    """Edge of a voxel and the features that it carries."""

    size: float = Field(gt=0)
    normals: bool = True
    reduce: Literal["mean", "random", "first"] = "mean"


class SequencePart(Part):
    """Sound or events into a sequence of fixed length, (steps, channels) a sample.

    Attributes
    ----------
    frontend
        "events" takes the data set's own; "cochlea" and "mel" turn waves into events, or into
        energies of bands.
    dt_ms, steps
        Length of a step, and how many: what comes later is dropped, and its share reported. Time
        starts with the recording, not with the first event.
    group
        Neighbouring units summed into one channel.
    channels
        Units of the cochlea, or mel bands; unused with "events".
    condition
        Keyword arguments of ``encoders.condition_speech``, which then stands in for the cochlea's
        own level and window; left out, clips are heard as published.
    options
        Keyword arguments of ``encoders.Cochlea`` or ``encoders.Mel``.
    """

    frontend: Literal["events", "cochlea", "mel"] = "events"
    dt_ms: float = Field(default=10.0, gt=0)
    steps: int = Field(ge=1)
    group: int = Field(default=1, ge=1)
    channels: int = Field(default=700, ge=1)
    condition: dict[str, Any] | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class ImagePart(Part):
    """Samples as images, for conventional networks; they then take the place of voxels or spikes.

    Attributes
    ----------
    projection
        One of ``encoders.projections.projection_names()``.
    size
        Height and width; for networks that take points, how many, twice.
    options
        Keyword arguments of the projection.
    """

    projection: str
    size: tuple[int, int] = (64, 64)
    options: dict[str, Any] = Field(default_factory=dict)


class AugmentSequencePart(Part):
    """What only training sequences undergo: each amount is the largest, drawn anew a sample.

    Times are in steps and channels in channels of the network; fractions are allowed.

    Attributes
    ----------
    shift_steps, shift_channels
        Shift either way along time, and along the channels.
    stretch, stretch_channels
        Share by which time, and the axis of channels, are longer or shorter.
    drop_events, add_events
        Share of events taken away, and put anywhere; of mel energies, drops make zeros, and
        additions Gaussian noise of that share of their deviation.
    jitter_steps, jitter_channels
        Standard deviation of each event's own displacement; of no effect on mel energies.
    mask_steps, mask_channels, masks
        Widest run of steps, and of channels, that is silenced; how many of each.
    gain
        Share by which the numbers are larger or smaller.
    """

    shift_steps: float = Amount
    shift_channels: float = Amount
    stretch: float = Share
    stretch_channels: float = Share
    drop_events: float = Share
    add_events: float = Amount
    jitter_steps: float = Amount
    jitter_channels: float = Amount
    mask_steps: float = Amount
    mask_channels: float = Amount
    masks: int = Field(default=1, ge=0)
    gain: float = Share


class ModelPart(Part):
    """A registered factory and its arguments; the number of classes comes from the data."""

    factory: str = "e3dsnn"
    arguments: dict[str, Any] = Field(default_factory=dict)


class OptimizerPart(Part):
    """SGD, Adam or AdamW; norms and biases do not decay, under SGD they do.

    Attributes
    ----------
    delay_lr
        Learning rate of delays, in steps, falling to 0 along a cosine whatever the schedule of
        the weights; delays never decay.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = Field(gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(default=1e-3, ge=0)
    delay_lr: float = Field(default=0.1, gt=0)


class SchedulePart(Part):
    """``multistep``: milestones are shares of the run; ``onecycle``: a rise, then a long fall.

    Attributes
    ----------
    warmup
        Share of the run in which onecycle rises to the optimiser's rate.
    start_lr
        Where onecycle starts; a 25th of its peak unless given.
    interval
        Whether the rate changes with every step or with every epoch.
    """

    name: Literal["constant", "multistep", "onecycle"] = "constant"
    milestones: tuple[float, ...] = (0.6, 0.8)
    gamma: float = 0.1
    warmup: float = Field(default=0.2, gt=0, lt=1)
    start_lr: float | None = Field(default=None, gt=0)
    interval: Literal["step", "epoch"] = "step"


class DelaysPart(Part):
    """How learnt delays settle: their spread narrows, and evaluation rounds them.

    Attributes
    ----------
    sigma_start, sigma_stop
        Width of the spread in the first epoch, and from ``share`` of the epochs on.
    sigma_floor
        What is left of the width when the exponential has died away: 0.27 as published, where
        |SIG| falls from 12 to 0.23 and the width is |SIG| + 0.27.
    share
        Share of the epochs over which it narrows, exponentially.
    round
        Whether validation and test run a copy with whole delays of one tap each.
    """

    sigma_start: float = Field(default=12.27, gt=0)
    sigma_stop: float = Field(default=0.5, gt=0)
    sigma_floor: float = Field(default=0.0, ge=0)
    share: float = Field(default=0.25, ge=0, le=1)
    round: bool = True

    @model_validator(mode="after")
    def _check_order(self) -> DelaysPart:
        if not self.sigma_floor < self.sigma_stop <= self.sigma_start:
            raise ValueError("sigma_floor < sigma_stop <= sigma_start must hold")
        return self


class ActivityPart(Part):
    """What the loss says of spikes: a band for each neuron's rate, and a price of synops.

    Attributes
    ----------
    rate_low, rate_high
        Spikes a neuron and step between which nothing is lost; outside, the square of what is
        missing or too much, averaged over neurons.
    rate_weight, synops_weight
        Weights of that square, and of a million synaptic operations a sample.
    """

    rate_low: float = Amount
    rate_high: float = Field(default=1.0, gt=0)
    rate_weight: float = Amount
    synops_weight: float = Amount

    @model_validator(mode="after")
    def _check_order(self) -> ActivityPart:
        if self.rate_low > self.rate_high:
            raise ValueError("rate_low must not be above rate_high")
        return self


class TrainingPart(Part):
    """Length of the run, batches and loss.

    Attributes
    ----------
    batch_size
        Samples of a step, on all processes together: each takes its share.
    loss
        Cross entropy of what: "cross_entropy", of logits (B, classes); of membranes
        (T, B, classes) "softmax_sum", their softmax summed over time, as published for delay
        nets, or "membrane_mean", their mean over time. Tasks on scans have losses of their own.
    validate_every
        Epochs from one validation to the next; the best is one of those validated.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(default=16, ge=1)
    loss: Literal["cross_entropy", "softmax_sum", "membrane_mean"] = "cross_entropy"
    label_smoothing: float = Share
    gradient_clip: float = Amount
    workers: int = Count
    validate_every: int = Field(default=1, ge=1)
