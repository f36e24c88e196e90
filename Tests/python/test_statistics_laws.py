"""Laws of a step's statistics: what must not depend on order, batching, scale or company."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

import pytest
import resnet_probe.measuring.statistics
import torch
from resnet_probe.journal.frame import BlockStatistics, LogDistribution, Moments, Pooled
from resnet_probe.measuring.gradient_sums import (
    GradientSums,
    branch_gradient_sums,
    through_square,
)
from resnet_probe.measuring.samples import exact
from resnet_probe.measuring.statistics import BlockStep, pack
from resnet_probe.measuring.sums import concat_sums, plain_sums, residual_sums
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def tensors(samples: int, seed: int = 3, width: int = 12) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x, f, g, dx = torch.randn(4, samples, width, generator=generator)
    return x, 0.3 * f, 0.1 * g, 0.2 * dx


def block(
    parts: list[Batch],
    ordinal: int = 0,
    *,
    activation: Literal["identity", "relu"] = "identity",
    survives: Tensor | None = None,
    present: Tensor | None = None,
    count_absorbed: bool = False,
) -> BlockStep:
    step = BlockStep(ordinal, "residual", "identity", activation)
    for x, f, g, dx in parts:
        sums = residual_sums(
            x, f, activation="both", sample_axis="row", survives=survives, present=present,
            count_absorbed=count_absorbed,
        )  # fmt: skip
        gradients = branch_gradient_sums(g, f, sample_axis="row")
        gradients.through = through_square(dx, g, sample_axis="row")
        step.forward.append(sums)
        step.gradients.append(gradients)
    return step


def of(step: BlockStep, loss_scale: Tensor | float | None = None) -> BlockStatistics:
    return pack([step], loss_scale).unpack()[0][0]


def close(left: object, right: object, tolerance: float = 1e-9, path: str = "") -> None:
    """Equal up to rounding, whatever the value is made of."""
    if dataclasses.is_dataclass(left) and not isinstance(left, type):
        assert type(left) is type(right), path
        for field in dataclasses.fields(left):
            name = f"{path}.{field.name}"
            close(getattr(left, field.name), getattr(right, field.name), tolerance, name)
    elif isinstance(left, float) and isinstance(right, float):
        assert left == pytest.approx(right, rel=tolerance, abs=tolerance * 1e-3), path
    else:
        assert left == right, path


def test_the_order_of_samples_does_not_matter() -> None:
    batch = tensors(40)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    shuffled = tuple(part[order] for part in batch)
    close(of(block([batch])), of(block([shuffled])), 1e-6)  # type: ignore[list-item]


def test_micro_batches_pool_to_the_whole_batch() -> None:
    batch = tensors(40)
    # The loss of a micro-batch is the mean over its own samples.
    sizes = (16, 4, 20)
    pieces = list(zip(*(part.split(sizes) for part in batch), strict=True))  # type: ignore[no-untyped-call]
    scaled = [
        (x, f, g * (40 / n), dx * (40 / n)) for (x, f, g, dx), n in zip(pieces, sizes, strict=True)
    ]
    pooled, whole = of(block(scaled)), of(block([batch]))
    assert pooled.micro_batches == 3
    pooled.micro_batches = 1
    close(pooled, whole, 2e-6)


def test_a_scale_of_the_stream_leaves_what_has_no_unit() -> None:
    x, f, g, dx = tensors(20)
    one = of(block([(x, f, g, dx)], activation="relu"))
    # A power of two: every rounding is the same.
    other = of(block([(4 * x, 4 * f, g / 4, dx / 4)], activation="relu"))
    assert one.stream_rms is not None
    assert other.stream_rms is not None
    assert other.stream_rms.value == pytest.approx(4 * one.stream_rms.value, rel=1e-12)
    for name in ("identity_gap", "identity_gap_histogram", "residual_ratio", "cosine",
                 "angular_distance", "taylor_importance", "branch_gain", "constant_fraction"):  # fmt: skip
        close(getattr(one, name), getattr(other, name), 1e-12, name)


def test_a_loss_scale_is_divided_out_wherever_it_lies() -> None:
    x, f, g, dx = tensors(20)
    plain = of(block([(x, f, g, dx)]))
    scaled = block([(x, f, 1024 * g, 1024 * dx)])
    close(of(scaled, 1024.0), plain, 1e-12)
    close(of(scaled, torch.tensor(1024.0)), plain, 1e-12)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_loss_scale_that_is_none_leaves_gradients_out(scale: float) -> None:
    for given in (scale, torch.tensor(scale)):
        found = of(block([tensors(20)]), given)
        assert found.output_grad_norm is None
        assert found.taylor_importance is None
        assert found.branch_gain is None
        assert found.non_finite == 0
        assert found.cosine is not None


def test_a_block_does_not_depend_on_its_company(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [block([tensors(n, seed=n)], place, activation="relu" if place % 2 else "identity")
             for place, n in enumerate((20, 7, 20, 1, 7, 20))]  # fmt: skip
    dense = BlockStep(6, "concat", "none")
    x, f, *_ = tensors(20, seed=9)
    dense.forward.append(concat_sums([x], f[:, :5]))
    steps.append(dense)
    extras = [torch.tensor(0.5), torch.tensor(7.0, dtype=torch.float64)]
    found, scalars = pack(steps[::-1], None, extras).unpack()
    assert [one.ordinal for one in found] == list(range(7))
    assert scalars == [0.5, 7.0]
    for one, step in zip(found, steps, strict=True):
        close(one, of(step), 1e-12)
    monkeypatch.setattr(resnet_probe.measuring.statistics, "GROUP_VALUES", 1)
    alone, scalars = pack(steps, None, extras).unpack()
    assert alone == [of(step) for step in steps]
    assert scalars == [0.5, 7.0]


def test_a_micro_batch_without_backward_enters_no_gradient_statistic() -> None:
    first, second = tensors(20, 1), tensors(12, 2)
    step = block([first, second])
    for gradients in (step.gradients[:1], [step.gradients[0], None]):
        step.gradients = gradients
        found = of(step)
        alone = of(block([first]))
        assert found.samples == 32
        assert found.cosine is not None
        assert found.cosine.n == 32
        assert found.non_finite == 0
        for name in ("output_grad_norm", "branch_gain", "taylor_importance", "taylor_signed_mean"):
            close(getattr(found, name), getattr(alone, name), 1e-12, name)
    step.gradients = []
    assert of(step).output_grad_norm is None


def test_a_gradient_of_the_stream_may_be_missing() -> None:
    step = block([tensors(20)])
    assert step.gradients[0] is not None
    step.gradients[0].through = None
    found = of(step)
    assert found.branch_gain is None
    assert found.output_grad_norm is not None
    assert found.output_grad_norm.n == 20


def test_a_gradient_of_the_stream_may_be_missing_of_one_micro_batch() -> None:
    first, second = tensors(20, 1), tensors(12, 2)
    step = block([first, second])
    assert step.gradients[1] is not None
    step.gradients[1].through = None
    found = of(step)
    close(found.branch_gain, of(block([first])).branch_gain, 1e-12)
    assert found.output_grad_norm is not None
    assert found.output_grad_norm.n == 32


def test_a_projection_has_no_use_for_the_gradient_of_the_stream() -> None:
    x, f, g, dx = tensors(20)
    step = block([(x, f, g, dx * math.nan)])
    assert of(step).output_grad_norm is None
    step.shortcut = "projection"
    found = of(step)
    assert found.branch_gain is None
    assert found.output_grad_norm is not None
    assert found.output_grad_norm.n == 20


def test_gradients_whose_squares_overflow_float64_are_left_out() -> None:
    x, f, g, dx = (part.double() for part in tensors(20))
    g[3], f[3] = 1e145, 0
    found = of(block([(x, f, g, dx)]))
    assert found.output_grad_norm is not None
    assert found.output_grad_norm.n == 19
    assert found.output_grad_norm.m2 < 100
    g[3], f[3] = 1e75, 1e75
    found = of(block([(x, f, g, dx)]))
    assert found.taylor_importance is not None
    assert found.taylor_importance.n == 19


def test_gradients_that_are_not_finite_leave_only_the_gradient_statistics() -> None:
    x, f, g, dx = tensors(20)
    g[3, 2], dx[5, 0], g[7, 1], dx[8, 1] = math.nan, math.inf, -math.inf, math.nan
    found = of(block([(x, f, g, dx)]))
    assert found.non_finite == 0
    assert found.cosine is not None
    assert found.cosine.n == 20
    for name in ("output_grad_norm", "branch_gain", "taylor_importance"):
        assert getattr(found, name).n == 16


def test_dropped_and_padded_samples_may_hold_anything() -> None:
    x, f, g, dx = tensors(20)
    clean = of(block([(x[:12], f[:12], g[:12] * 17 / 12, dx[:12] * 17 / 12)]))
    for rows in (x, f, g, dx):
        rows[12:] = math.nan
    index = torch.arange(20)
    step = block([(x, f, g, dx)], survives=index < 12, present=index < 17)
    found = of(step)
    assert (found.samples, found.dropped) == (17, 5)
    found.samples, found.dropped = 12, 0
    close(found, clean, 1e-6)


def test_a_batch_that_was_dropped_as_a_whole_says_nothing_but_its_counters() -> None:
    found = of(block([tensors(20)], survives=torch.zeros(1, dtype=torch.bool)))
    assert found == BlockStatistics(0, samples=20, micro_batches=1, dropped=20)


def test_no_samples_say_nothing() -> None:
    found = of(block([tensors(0)]))
    assert found == BlockStatistics(0, micro_batches=1)
    assert pack([]).unpack() == ([], [])
    assert pack([BlockStep(0, "residual", "identity")]).unpack() == ([], [])


def test_one_sample_has_no_deviations() -> None:
    found = of(block([tensors(1)]))
    assert found.cosine is not None
    assert (found.cosine.n, found.cosine.m2) == (1, 0)
    assert found.constant_fraction is None
    assert found.identity_gap is not None
    assert found.identity_gap.p50 == found.identity_gap.max


def test_identity_and_erasure() -> None:
    x = torch.rand(10, 12) + 0.1
    f = torch.zeros(10, 12)
    f[5:] = -3  # the ReLU erases everything: y = 0 has no direction
    found = of(block([(x, f, x, x)], activation="relu"))
    assert found.identity_gap_histogram == {80: 5, 96: 5}
    assert found.dead_fraction == Pooled(10, 0.5)
    assert found.angular_distance == Moments(5, 0, 0)
    assert found.identity_gap is not None
    assert found.identity_gap.n == 10
    assert found.identity_gap.logs.n == 5
    assert found.identity_gap.max == pytest.approx(1, rel=1e-6)
    assert found.perpendicular_ratio is not None
    assert found.perpendicular_ratio.mean < 1e-6


def test_bins_begin_at_their_lower_edges() -> None:
    quarters = (1, 1.189207115002721, 1.4142135623730951, 1.681792830507429)
    edges = [quarters[place % 4] * 2.0 ** (place // 4 - 20) for place in range(97)]
    below = [math.nextafter(edge, 0) for edge in edges]
    step = block([tensors(194)])
    q = torch.tensor(edges + below, dtype=torch.float64)
    # a = 1 and q = gap², made so that its root is the gap: a few squares round to a neighbour.
    sums = step.forward[0]
    sums.stream_square = torch.ones(194, dtype=torch.float64)
    assert sums.change is not None
    sums.change.square = q * q
    gaps = (q * q).sqrt().tolist()
    expected: dict[int, int] = {}
    for gap in gaps:
        slot = sum(edge <= gap for edge in edges) - 1
        slot = 97 if slot < 0 else 98 if slot == 96 else slot
        expected[slot] = expected.get(slot, 0) + 1
    assert sum(gap == edge for gap, edge in zip(gaps, edges, strict=False)) > 60
    assert of(step).identity_gap_histogram == dict(sorted(expected.items()))


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 99, 100, 101, 200])
def test_percentiles_are_of_nearest_rank(n: int) -> None:
    step = block([tensors(n)])
    values = torch.randperm(n, generator=torch.Generator().manual_seed(n)) + 1
    sums = step.forward[0]
    sums.stream_square = torch.ones(n, dtype=torch.float64)
    sums.branch_square = values.double() ** 2
    found = of(step).residual_ratio
    assert isinstance(found, LogDistribution)
    expected = [math.ceil(percent * n / 100) for percent in (50, 90, 99)]
    assert [found.p50, found.p90, found.p99, found.max] == [*expected, n]


def test_micro_batches_of_other_widths_pool_their_elements() -> None:
    parts = [tensors(9, width=12), tensors(9, width=30)]
    found = of(block(parts))
    assert found.stream_rms is not None
    assert found.stream_rms.n == 9 * 42
    squares = sum(float((x.double() ** 2).sum()) for x, *_ in parts)
    assert found.stream_rms.value == pytest.approx(math.sqrt(squares / (9 * 42)), rel=1e-6)
    assert found.constant_fraction is None


def test_norms_leave_out_what_is_dear() -> None:
    x, f, g, dx = tensors(20)
    full = of(block([(x, f, g, dx)], activation="relu"))
    step = BlockStep(0, "residual", "identity", "relu")
    step.forward.append(residual_sums(x, f, activation="relu", sample_axis="row", detail="norms"))
    step.gradients.append(branch_gradient_sums(g, f, sample_axis="row", detail="norms"))
    found = of(step)
    expected = dataclasses.replace(
        full, cosine=None, perpendicular_ratio=None, angular_distance=None, block_influence=None,
        branch_gain=None, taylor_importance=None, taylor_signed_mean=None, constant_fraction=None,
    )  # fmt: skip
    close(found, expected, 1e-12)


def test_gradients_are_those_of_a_samples_own_loss() -> None:
    """Against autograd, sample by sample: tolerance 1e-9 in float64."""
    torch.manual_seed(5)
    n = 9
    weight = torch.randn(6, 6, dtype=torch.float64)
    head = torch.randn(6, dtype=torch.float64)
    x = torch.randn(n, 6, dtype=torch.float64).relu_().requires_grad_()
    f = torch.tanh(x @ weight)
    h = x + f
    h.retain_grad()
    y = torch.relu(h)
    losses = (y @ head) ** 2
    (losses.mean() * 128).backward()  # type: ignore[no-untyped-call]
    assert h.grad is not None
    assert x.grad is not None
    step = BlockStep(0, "residual", "identity", "relu")
    step.forward.append(residual_sums(x, f, activation="both", sample_axis="row"))
    gradients = branch_gradient_sums(h.grad, (y, x), sample_axis="row")
    gradients.through = through_square(x.grad, h.grad, sample_axis="row")
    step.gradients.append(gradients)
    found = of(step, 128.0)

    norms, gains, importances = [], [], []
    for one in x.detach():
        branch = torch.tanh(one @ weight)
        jacobian = torch.autograd.functional.jacobian(lambda v: torch.tanh(v @ weight), one)  # type: ignore[no-untyped-call]
        total = (one + branch).requires_grad_()
        (g,) = torch.autograd.grad((torch.relu(total) @ head) ** 2, total)
        norms.append(g.norm())
        gains.append((jacobian.T @ g).norm() / g.norm())
        importances.append(g @ branch)
    close(found.output_grad_norm, moments(norms))
    close(found.branch_gain, moments(gains))
    close(found.taylor_importance, moments([value.abs() for value in importances]))
    assert found.taylor_signed_mean == pytest.approx(float(sum(importances)) / n, rel=1e-9)


def moments(values: list[Tensor]) -> Moments:
    stack = torch.stack(values)
    return Moments(len(values), float(stack.mean()), float(((stack - stack.mean()) ** 2).sum()))


def everything(device: str) -> tuple[list[BlockStep], Tensor, list[Tensor]]:
    x, f, g = (torch.zeros(8, 4, 6, 6, device=device) for _ in range(3))
    mask = torch.ones(8, dtype=torch.bool, device=device)
    given: dict[str, Any] = {"sample_axis": "row", "present": mask}
    gradients = branch_gradient_sums(g, (f, x), sample_axis="row")
    gradients.through = through_square(g, x, sample_axis="row")
    residual = residual_sums(
        x, f, activation="both", survives=mask, own_stream=x, count_absorbed=True, **given
    )
    steps = [
        BlockStep(0, "residual", "identity", "relu", [residual] * 2, [gradients]),
        BlockStep(1, "plain", "none", "identity", [plain_sums(x, f, **given)], [gradients]),
        BlockStep(2, "concat", "none", "identity", [concat_sums([x, x], f, **given)], [gradients]),
    ]
    scalar = torch.ones((), device=device)
    return steps, scalar, [scalar]


def test_nothing_reads_a_value_of_the_device() -> None:
    """A meta tensor has no values: what reads one to decide, index or convert raises."""
    steps, scale, extras = everything("meta")
    packed = pack(steps, scale, extras)
    assert packed.values.device.type == "meta"
    assert not packed.is_ready()
    with pytest.raises((NotImplementedError, RuntimeError)):
        extras[0].item()


def test_nothing_is_copied_between_devices() -> None:
    seen: list[str] = []

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self,
            func: Callable[..., object],
            types: object,
            args: tuple[object, ...] = (),
            kwargs: dict[str, object] | None = None,
        ) -> object:
            del types
            made = func(*args, **(kwargs or {}))
            if isinstance(made, Tensor) and made.device.type != "meta":
                seen.append(str(func))
            return made

    with Watch():  # type: ignore[no-untyped-call]
        steps, scale, extras = everything("meta")
        pack(steps, scale, extras)
    assert seen == []


def test_sums_run_outside_autograd_and_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with exact(torch.device("cpu")):
            assert not torch.is_autocast_enabled("cpu")
            assert not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_grad_enabled()
    with exact(torch.device("meta")):
        assert not torch.is_grad_enabled()


def test_defaults_for_new_tensors_do_not_matter() -> None:
    batch, scale = tensors(20), torch.tensor(2.0)
    expected = of(block([batch], activation="relu"), scale)
    keep = torch.ones(20, dtype=torch.bool)
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(True)
    try:
        found = of(block([batch], activation="relu", survives=keep, present=keep), scale)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    close(found, expected, 1e-12)


def test_autograd_autocast_and_inputs_are_left_alone() -> None:
    x, f, g, dx = (part.requires_grad_() for part in tensors(20))
    kept = [part.detach().clone() for part in (x, f, g, dx)]
    outside = of(block([(x, f, g, dx)]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        step = block([(x, f, g, dx)], count_absorbed=True)
        inside = of(step)
        assert torch.is_autocast_enabled("cpu")
    assert torch.is_grad_enabled()
    assert not step.forward[0].stream_square.requires_grad
    assert isinstance(step.gradients[0], GradientSums)
    assert not step.gradients[0].product.requires_grad  # type: ignore[union-attr]
    inside.absorbed_fraction = None
    close(inside, outside, 1e-12)
    for part, before in zip((x, f, g, dx), kept, strict=True):
        assert torch.equal(part, before)


def test_packing_leaves_the_sums_as_they_are() -> None:
    step = block([tensors(20)], activation="relu")
    before = copy.deepcopy(step)
    first = of(step)
    assert step.forward[0].rectified is not None
    assert torch.equal(step.forward[0].branch_square, before.forward[0].branch_square)
    assert of(step) == first
