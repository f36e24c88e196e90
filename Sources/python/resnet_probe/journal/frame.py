"""What one measured step leaves behind, as values.

Names, formulas and units are those of Statistics.md. ``None`` is "not measured" or "undefined".
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Moments:
    """Count, mean and sum of squared deviations of a sample.

    Source: Welford 1962; Chan, Golub and LeVeque 1979.
    """

    n: int
    """The number of values."""
    mean: float
    """Their arithmetic mean; 0 where ``n`` is 0."""
    m2: float
    """The sum of squared deviations from the mean; 0 where ``n`` is below 2."""


@dataclass(slots=True)
class LogDistribution:
    """A sample of values that are not negative, told by its logarithms and percentiles."""

    n: int
    """The number of values, zeros included."""
    logs: Moments
    """Of the natural logarithms of the values above 0."""
    p50: float | None
    """The median by nearest rank; ``None`` where ``n`` is 0, as the other three."""
    p90: float | None
    """The 90th percentile."""
    p99: float | None
    """The 99th percentile."""
    max: float | None
    """The greatest value."""


@dataclass(slots=True)
class Pooled:
    """One number over the whole step."""

    n: int
    """The elements or samples looked at."""
    value: float
    """The number."""


@dataclass(slots=True)
class BlockStatistics:
    """What one block did in one step on one rank."""

    ordinal: int
    """The block's place in the block map."""
    samples: int = 0
    """Samples that reached the block, dropped ones included."""
    micro_batches: int = 0
    """Micro-batches pooled into the step."""
    dropped: int = 0
    """Samples whose branch stochastic depth dropped."""
    undefined: int = 0
    """Samples with x = 0."""
    non_finite: int = 0
    """Samples with NaN or infinity."""
    identity_gap: LogDistribution | None = None
    """‖y − x‖/‖x‖."""
    residual_ratio: LogDistribution | None = None
    """‖F‖/‖x‖."""
    identity_gap_histogram: dict[int, int] | None = None
    """Samples by slot (0 to 100) of the gap."""
    cosine: Moments | None = None
    """Direction of F against x, −1 … 1."""
    perpendicular_ratio: Moments | None = None
    """The part of the change that turns x, over ‖x‖."""
    angular_distance: Moments | None = None
    """The angle between x and y. Unit: half turns."""
    block_influence: Moments | None = None
    """1 − cos(x, y), 0 … 2."""
    output_grad_norm: Moments | None = None
    """Norm of the gradient of a sample's own loss. Unit: loss per unit of h."""
    branch_gain: Moments | None = None
    """Weight of the gradient's path through F."""
    taylor_importance: Moments | None = None
    """First-order importance of the branch. Unit: loss."""
    stream_rms: Pooled | None = None
    """Root mean square of x."""
    branch_rms: Pooled | None = None
    """Root mean square of F."""
    constant_fraction: Pooled | None = None
    """1 where F is the same for every sample; can lie slightly below 0."""
    dead_fraction: Pooled | None = None
    """Share of samples with F = 0."""
    absorbed_fraction: Pooled | None = None
    """Share of the elements with F ≠ 0 that have x + F == x."""
    taylor_signed_mean: float | None = None
    """First-order importance with its sign. Unit: loss."""
    gate_gradient: float | None = None
    """Gradient at the gate times the gate. Unit: loss."""
    weight_norm: float | None = None
    """Norm of the block's parameters."""
    gradient_norm: float | None = None
    """Norm of their gradient. Unit: loss per θ."""
    update_ratio: float | None = None
    """‖Δθ‖/‖θ‖ of the optimizer's step."""
    gate_rms: float | None = None
    """Root mean square of what scales the branch."""


@dataclass(slots=True)
class Frame:
    """Everything one measured step leaves behind, on one rank."""

    step: int
    """The optimizer step, from 0; 0 is before any update."""
    wall_time: float
    """When the step ended. Unit: seconds since 1970."""
    loss: float | None = None
    """The training loss where it was logged; may be NaN or infinite."""
    learning_rate: float | None = None
    """That of the first parameter group."""
    loss_scale: float | None = None
    """The factor that the loss was multiplied by, where a scaler is used."""
    skipped: bool = False
    """Whether the scaler skipped the optimizer's update."""
    recorder_seconds: float = 0.0
    """What recording cost the loop since the frame before. Unit: seconds."""
    dropped_frames: int = 0
    """The frames that could not be written since the frame before."""
    blocks: list[BlockStatistics] = field(default_factory=list)
    """The blocks that fired, by ordinal."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What the user logged for this step."""
