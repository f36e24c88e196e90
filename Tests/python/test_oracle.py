"""The oracle itself, held to closed forms, laws and the networks' own forwards."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from networks.cifar_resnet import CifarResNet
from networks.entry import Example, mean_loss, tensors_of
from networks.unknown import (
    InlineTop,
)
from oracle import Trace, differences, expected_statistics, traced_forward
from oracle.comparison import LOGS, MOMENTS, NUMBERS, POOLED, scale
from oracle.distributions import gap_slot, log_distribution, moments, nearest_rank
from traced_networks import NETWORKS, bert_loss

torch.set_num_threads(1)

Make = Callable[[], nn.Module]


def made(name: str) -> tuple[nn.Module, Example]:
    torch.manual_seed(5)
    make, example = NETWORKS[name]
    return make(), example()


def loss_of(name: str) -> Callable[[Any], torch.Tensor]:
    return bert_loss if name == "BERT" else mean_loss


@pytest.mark.parametrize("name", NETWORKS)
def test_the_forward_by_hand_is_the_networks_own(name: str) -> None:
    model, example = made(name)
    own = copy.deepcopy(model).double()
    by_hand = copy.deepcopy(model).double()
    args = [part.double() if part.is_floating_point() else part for part in example.args]
    torch.manual_seed(7)
    ours = own(*args, **example.kwargs)
    torch.manual_seed(7)
    theirs = traced_forward(by_hand, Trace(), *args, **example.kwargs)
    for left, right in zip(tensors_of(ours), tensors_of(theirs), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-12)
    loss_of(name)(ours).backward()
    loss_of(name)(theirs).backward()
    for left, right in zip(own.parameters(), by_hand.parameters(), strict=True):
        assert (left.grad is None) == (right.grad is None)
        if left.grad is not None:
            torch.testing.assert_close(left.grad, right.grad, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_masks_are_drawn_alike_in_both_precisions(name: str) -> None:
    model, example = made(name)
    by_hand = copy.deepcopy(model).double()
    torch.manual_seed(7)
    single = model(*example.args, **example.kwargs)
    args = [part.double() if part.is_floating_point() else part for part in example.args]
    torch.manual_seed(7)
    double = traced_forward(by_hand, Trace(), *args, **example.kwargs)
    for left, right in zip(tensors_of(single), tensors_of(double), strict=True):
        torch.testing.assert_close(left.double(), right, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_sums_and_changes_are_what_the_definitions_say(name: str) -> None:
    model, example = made(name)
    model = model.double()
    trace = Trace()
    args = [part.double() if part.is_floating_point() else part for part in example.args]
    torch.manual_seed(7)
    traced_forward(model, trace, *args, **example.kwargs)
    assert trace.blocks
    for block in trace.blocks:
        if block.kind != "residual" or block.survivors is not None:
            continue
        torch.testing.assert_close(block.total, block.shortcut + block.branch)
        y = torch.relu(block.total) if block.activation == "relu" else block.total
        change = torch.maximum(block.branch, -block.shortcut)
        expected = change if block.activation == "relu" else block.branch
        torch.testing.assert_close(y - block.shortcut, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_gate_gradient_is_the_sum_of_g_times_f(name: str) -> None:
    if name in ("plain", "block twice"):
        pytest.skip("F is no output of the last map, or the map belongs to two blocks")
    model, example = made(name)
    rows = expected_statistics(model, loss_of(name), [example], seed=7)
    again = copy.deepcopy(model).double()
    trace = Trace()
    args = [part.double() if part.is_floating_point() else part for part in example.args]
    torch.manual_seed(7)
    output = traced_forward(again, trace, *args, **example.kwargs)
    for block in trace.blocks:
        if block.branch.grad_fn is not None:
            block.branch.retain_grad()
    loss_of(name)(output).backward()
    for row, block in zip(rows, trace.blocks, strict=True):
        if row["gate_gradient"] is None:
            assert block.branch.grad_fn is None  # the branch never ran
            continue
        # dl/dF, with the mask and the division in it.
        assert block.branch.grad is not None
        product = float((block.branch.grad * block.branch.detach()).sum())
        assert row["gate_gradient"] == pytest.approx(product, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_is_near_enough_for_a_recorder(name: str) -> None:
    # The same network in float32: what differs is the least that a recorder's test must allow.
    model, example = made(name)
    exact = expected_statistics(model, loss_of(name), [example, example], seed=7)
    single = expected_statistics(
        model, loss_of(name), [example, example], seed=7, dtype=torch.float32
    )
    for ours, wanted in zip(single, exact, strict=True):
        assert differences(ours, wanted, relative=1e-4, absolute=1e-8) == []


@pytest.mark.parametrize("name", ["pre-activation", "inline", "GPT", "LayerScale"])
def test_the_mean_of_signed_importance_is_the_gate_gradient(name: str) -> None:
    # With n samples in one micro-batch: mean of <n g, F> = sum of <g, F>.
    model, example = made(name)
    for row in expected_statistics(model, mean_loss, [example], seed=7):
        assert row["taylor_signed_mean"] == pytest.approx(row["gate_gradient"], rel=1e-7)


def test_the_branchs_size_follows_from_its_last_norm() -> None:
    # mean F^2 = mean(gamma^2 sigma^2 / (sigma^2 + epsilon) + beta^2)
    model = InlineTop(6).double()
    x = torch.randn(8, 3, 8, 8, dtype=torch.float64)
    norm = model.f1[4]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    row = expected_statistics(model, mean_loss, [Example((x,))])[0]
    into = model.f1[:4](torch.relu(model.stem(x)))
    variance = into.var((0, 2, 3), unbiased=False)
    square = norm.weight**2 * variance / (variance + norm.eps) + norm.bias**2
    assert row["branch_rms"]["value"] == pytest.approx(math.sqrt(square.mean()), rel=1e-9)
    assert row["gate_rms"] == pytest.approx(float(norm.weight.square().mean().sqrt()), rel=1e-12)


def test_a_planted_identity_has_no_gap() -> None:
    model, example = made("post-activation, projected")
    assert isinstance(model, CifarResNet)
    nn.init.zeros_(model.get_parameter("layer1.1.bn2.weight"))
    row = expected_statistics(model, mean_loss, [example])[1]
    assert row["identity_gap"]["max"] == 0
    assert row["identity_gap"]["logs"]["n"] == 0
    assert row["identity_gap_histogram"] == {96: 8}
    assert row["dead_fraction"] == {"n": 8, "value": 1.0}
    assert row["cosine"]["n"] == 0
    assert row["constant_fraction"] is None
    assert row["angular_distance"] == {"n": 8, "mean": 0.0, "m2": 0.0}
    assert row["branch_gain"]["mean"] == pytest.approx(0, abs=1e-12)
    assert row["taylor_importance"]["mean"] == 0
    assert row["gate_rms"] == 0


class Rescale(nn.Module):
    """x + e x, with a map that only scales."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.f = nn.Linear(4, 4, bias=False)
        nn.init.eye_(self.f.weight)
        self.factor = factor


@traced_forward.register
def _rescale(model: Rescale, trace: Trace, x: torch.Tensor) -> torch.Tensor:
    x = trace.enter(x)
    return trace.add("f", x, model.factor * model.f(x), [model.f], last=model.f)


@pytest.mark.parametrize("factor", [0.25, 1e-3, 1e-9])
def test_a_branch_that_rescales(factor: float) -> None:
    # F = e x: gap e, cosine 1, no turn; dl/dx = (1 + e) g, so the gain is e.
    (row,) = expected_statistics(Rescale(factor), mean_loss, [Example((torch.randn(10, 4),))])
    assert row["identity_gap"]["p50"] == pytest.approx(factor, rel=1e-12)
    assert row["residual_ratio"]["p99"] == pytest.approx(factor, rel=1e-12)
    assert row["cosine"]["mean"] == pytest.approx(1)
    assert row["perpendicular_ratio"]["mean"] == pytest.approx(0, abs=1e-12)
    assert row["angular_distance"]["mean"] == pytest.approx(0, abs=1e-12)
    assert row["branch_gain"]["mean"] == pytest.approx(factor, rel=1e-6)
    assert row["weight_norm"] == 2
    assert row["gate_rms"] is None


class Turn(nn.Module):
    """y = a quarter turn of x: F = Rx - x."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.f.weight.copy_(torch.tensor([[-1.0, -1.0], [1.0, -1.0]]))


@traced_forward.register
def _turn(model: Turn, trace: Trace, x: torch.Tensor) -> torch.Tensor:
    x = trace.enter(x)
    return trace.add("f", x, model.f(x), [model.f], last=model.f)


def test_a_quarter_turn() -> None:
    (row,) = expected_statistics(Turn(), mean_loss, [Example((torch.randn(6, 2),))])
    assert row["angular_distance"]["mean"] == pytest.approx(0.5)
    assert row["block_influence"]["mean"] == pytest.approx(1)
    assert row["identity_gap"]["max"] == pytest.approx(math.sqrt(2))
    assert row["perpendicular_ratio"]["mean"] == pytest.approx(1)
    assert row["cosine"]["mean"] == pytest.approx(-math.sqrt(0.5))


def test_samples_without_a_stream_are_undefined() -> None:
    x = torch.randn(9, 2)
    x[4] = 0
    (row,) = expected_statistics(Turn(), mean_loss, [Example((x,))])
    assert row["undefined"] == 1
    assert row["identity_gap"]["n"] == 8
    assert row["identity_gap_histogram"][99] == 1
    assert row["stream_rms"]["n"] == 18
    assert row["output_grad_norm"]["n"] == 9
    assert row["dead_fraction"]["value"] == pytest.approx(1 / 9)


def test_gradients_are_those_of_a_samples_own_loss() -> None:
    # l = mean of sample losses: |n g| does not depend on the batch that a sample is in.
    x = torch.randn(6, 2)
    (whole,) = expected_statistics(Turn(), mean_loss, [Example((x,))])
    (parts,) = expected_statistics(
        Turn(), mean_loss, [Example((x[:2],)), Example((x[2:4],)), Example((x[4:],))]
    )
    assert parts["micro_batches"] == 3
    for name in ("output_grad_norm", "taylor_importance", "branch_gain", "cosine"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-9)
    assert parts["gate_gradient"] == pytest.approx(3 * whole["gate_gradient"], rel=1e-9)


@pytest.mark.parametrize("mode", ["row", "batch", "skip"])
def test_stochastic_depth_counts_what_it_drops(mode: str) -> None:
    model, example = made(f"stochastic depth {mode} divided")
    rows = expected_statistics(model, mean_loss, [example] * 3, seed=3)
    dropped = [row["dropped"] for row in rows]
    assert sum(dropped) > 0
    assert all(row["samples"] == 24 for row in rows)
    for row in rows:
        assert row["residual_ratio"]["n"] + row["undefined"] + row["dropped"] == 24
        assert row["output_grad_norm"]["n"] == 24 - row["dropped"]
        if mode != "row":
            assert row["dropped"] % 8 == 0


def test_division_by_the_survival_leaves_the_first_branch_as_it_was() -> None:
    divided, example = made("stochastic depth row divided")
    undivided, _ = made("stochastic depth row undivided")
    ours = expected_statistics(divided, mean_loss, [example], seed=3)[0]
    theirs = expected_statistics(undivided, mean_loss, [example], seed=3)[0]
    assert ours["branch_rms"] == theirs["branch_rms"]
    assert ours["identity_gap"] == theirs["identity_gap"]


def test_padding_is_no_sample() -> None:
    model, example = made("BERT")
    rows = expected_statistics(model, bert_loss, [example], seed=1)
    assert [row["samples"] for row in rows] == [16] * 4
    assert rows[0]["stream_rms"]["n"] == 16 * 16


def test_kinds_leave_out_what_they_do_not_have() -> None:
    dense = expected_statistics(*_case("DenseNet"))[0]
    assert dense["kind"] == "concat"
    assert dense["residual_ratio"]["n"] == 8
    assert dense["taylor_importance"]["n"] == 8
    for name in ("identity_gap", "cosine", "branch_gain", "output_grad_norm", "stream_rms"):
        assert dense[name] is None
    plain = expected_statistics(*_case("plain"))[0]
    assert plain["identity_gap"]["max"] == pytest.approx(plain["residual_ratio"]["max"])
    assert plain["absorbed_fraction"] is None
    projected = expected_statistics(*_case("post-activation, padded"))[2]
    assert projected["shortcut"] == "projection"
    assert projected["identity_gap"] is None
    assert projected["branch_gain"] is None
    assert projected["stream_rms"]["n"] != projected["branch_rms"]["n"]


def _case(name: str) -> tuple[nn.Module, Callable[[Any], torch.Tensor], list[Example]]:
    model, example = made(name)
    return model, loss_of(name), [example]


def test_an_update_is_measured() -> None:
    model, example = made("inline")
    sgd = expected_statistics(
        model, mean_loss, [example], optimizer=lambda p: torch.optim.SGD(p, lr=0.5)
    )
    for row in sgd:  # 2 x 2 convolutions of 324 weights and norms: all elements are looked at
        ratio = 0.5 * row["gradient_norm"] / row["weight_norm"]
        assert row["update_ratio"] == pytest.approx(ratio, rel=1e-9)
    clipped = expected_statistics(model, mean_loss, [example], clip=1e-3)
    assert math.hypot(*(row["gradient_norm"] for row in clipped)) <= 1e-3


def test_the_model_is_left_alone() -> None:
    model, example = made("inline")
    before = copy.deepcopy(model.state_dict())
    expected_statistics(model, mean_loss, [example])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in model.parameters())


def test_values_to_their_forms() -> None:
    assert moments([1.0, 3.0]) == {"n": 2, "mean": 2.0, "m2": 2.0}
    assert moments([]) == {"n": 0, "mean": 0.0, "m2": 0.0}
    values = [float(value) for value in range(1, 11)]
    assert [nearest_rank(values, percent) for percent in (50, 90, 99)] == [5.0, 9.0, 10.0]
    assert log_distribution([0.0, math.e])["logs"] == {"n": 1, "mean": 1.0, "m2": 0.0}
    assert [gap_slot(gap) for gap in (0, 1e-9, 2.0**-20, 1.0, 15.99, 16.0)] == [
        96, 97, 0, 80, 95, 98,
    ]  # fmt: skip


def _one_percent_off(row: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The row with one statistic 1 % of its size larger; None where it is absent or 0."""
    changed = copy.deepcopy(row)
    value = changed[name]
    if value is None or value == 0 or (isinstance(value, dict) and value["n"] == 0):
        return None
    if name in LOGS:
        value["logs"]["mean"] += 0.01 * (value["logs"]["n"] > 0)
        return changed if value["logs"]["n"] else None
    if name in NUMBERS:
        changed[name] = value + 0.01 * max(abs(value), scale(name, row))
        return changed
    key = "value" if name in POOLED else "mean"
    if value[key] == 0:
        return None
    value[key] += 0.01 * max(abs(value[key]), scale(name, row))
    return changed


@pytest.mark.parametrize("name", NETWORKS)
def test_one_percent_is_a_difference(name: str) -> None:
    for row in expected_statistics(*_case(name), seed=7):
        assert differences(row, row) == []
        for statistic in (*LOGS, *MOMENTS, *POOLED, *NUMBERS):
            changed = _one_percent_off(row, statistic)
            if changed is not None:
                (line,) = differences(changed, row)  # and nothing else
                assert line.startswith(statistic)


def test_a_counter_and_an_absent_value_are_differences() -> None:
    row = expected_statistics(*_case("inline"))[0]
    found = differences({**row, "dropped": 1, "gate_rms": None}, row)
    assert found == ["dropped: 1, expected 0", "gate_rms is absent: True, expected False"]
    shifted = {slot + 1: count for slot, count in row["identity_gap_histogram"].items()}
    (line,) = differences({**row, "identity_gap_histogram": shifted}, row)
    assert line.startswith("identity_gap_histogram at slot")
