"""Statistics stay the oracle's in every kind of training loop."""

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import resnet_probe
import torch
from resnet_probe.training.compilation import has_compiled
from torch import nn

from frames import frames_in
from networks.cifar_resnet import CifarResNet
from networks.entry import Example, mean_loss
from networks.gpt import GPT
from networks.unknown import InlineTop
from recorded import check, expected, only_frames, sgd, train_step

WITHOUT = ("absorbed_fraction",)
"""A question of float32; the networks here are in float64."""


def images(seed: int = 0, samples: int = 8) -> Example:
    draw = torch.Generator().manual_seed(seed)
    return Example((torch.randn(samples, 3, 8, 8, generator=draw, dtype=torch.float64),))


def network() -> CifarResNet:
    torch.manual_seed(5)
    return CifarResNet(8, "B", 4).double().train()


def fraction(part: float) -> Any:
    return lambda output: mean_loss(output) * part


def test_gradient_accumulation_pools_micro_batches(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(2):
            batches = [images(3 * step), images(3 * step + 1, 5), images(3 * step + 2)]
            rows.append(expected(model, fraction(1 / 3), batches, optimizer=sgd))
            optimizer.zero_grad()
            for batch in batches:
                (mean_loss(model(*batch.args)) / 3).backward()
            optimizer.step()
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)
        assert all(block.micro_batches == 3 and block.samples == 21 for block in frame.blocks)


def test_forwards_before_backwards_are_accumulation_too(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    batches = [images(0), images(1)]
    rows = expected(model, fraction(0.5), batches, optimizer=sgd)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        losses = [mean_loss(model(*batch.args)) / 2 for batch in batches]
        sum(losses).backward()  # type: ignore[union-attr]
        optimizer.step()
    (frame,) = only_frames(spool, 1)
    check(frame, rows, relative=1e-9, without=WITHOUT)


def test_clipping_touches_the_gradients_of_parameters_alone(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())
    rows = expected(model, mean_loss, [batch], clip=1e-2, optimizer=sgd)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        mean_loss(model(*batch.args)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1e-2)
        optimizer.step()
    (frame,) = only_frames(spool, 1)
    check(frame, rows, relative=1e-9, without=WITHOUT)


def test_channels_last_changes_no_statistic(spool: pathlib.Path) -> None:
    model = network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batch = Example((images().args[0].to(memory_format=torch.channels_last),))
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(2):
            # The order of parameters' elements decides which of them an update ratio looks at:
            # here all are.
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            train_step(model, optimizer, batch)
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_a_frozen_prefix_has_forward_statistics_and_no_gradients(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    for module in (model.conv1, model.bn1, model.layer1, model.layer2):
        for parameter in module.parameters():
            parameter.requires_grad_(False)
    rows = []
    optimizer = sgd(p for p in model.parameters() if p.requires_grad)
    with resnet_probe.attach(model, optimizer, every=1, strict=True) as probe:
        for _ in range(2):
            wanted = expected(model, mean_loss, [batch])
            for row in wanted[:2]:
                gone = ("output_grad_norm", "branch_gain", "taylor_importance",
                        "taylor_signed_mean", "gradient_norm", "gate_gradient")  # fmt: skip
                row.update(dict.fromkeys(gone))
            rows.append(wanted)
            train_step(model, optimizer, batch)
        assert probe.blocks is not None
        assert len(probe.blocks) == 3
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=(*WITHOUT, "update_ratio"))
        assert [block.update_ratio for block in frame.blocks[:2]] == [0, 0]
        assert frame[2].update_ratio is not None
        assert frame[2].update_ratio > 0


def test_frozen_norms_and_maps_in_a_block_that_trains(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    block = model.layer2[0]
    for parameter in (*block.bn2.parameters(), block.conv1.weight):  # type: ignore[union-attr,operator]
        parameter.requires_grad_(False)
    optimizer = sgd(p for p in model.parameters() if p.requires_grad)
    rows = expected(model, mean_loss, [batch], optimizer=sgd)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(model, optimizer, batch)
    (frame,) = only_frames(spool, 1)
    check(frame, rows, relative=1e-9, without=WITHOUT)
    assert frame[1].gate_gradient is None
    assert frame[1].gate_rms is not None


def test_a_step_ends_when_all_optimizers_have_stepped(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    parameters = list(model.parameters())
    first, second = sgd(parameters[::2]), sgd(parameters[1::2])
    rows = []
    with resnet_probe.attach(model, [first, second], every=1, strict=True):
        for _ in range(3):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            model.zero_grad()
            mean_loss(model(*batch.args)).backward()
            first.step()
            second.step()
    frames = only_frames(spool, 3)
    assert [frame.step for frame in frames] == [0, 1, 2]
    for frame, wanted in zip(frames, rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_one_of_two_optimizers_alone_ends_its_step_with_the_next_forward(
    spool: pathlib.Path,
) -> None:
    model, batch = network(), images()
    parameters = list(model.parameters())
    first, second = sgd(parameters[:6]), sgd(parameters[6:])
    rows = []
    with resnet_probe.attach(model, [first, second], every=1, strict=True):
        for _ in range(3):
            rows.append(expected(model, mean_loss, [batch]))
            model.zero_grad()
            mean_loss(model(*batch.args)).backward()
            first.step()
    frames = frames_in(spool)
    assert [frame.step for frame in frames][:2] == [0, 1]
    for frame, wanted in zip(frames, rows, strict=False):
        check(frame, wanted, relative=1e-9, without=(*WITHOUT, "update_ratio", "gradient_norm",
              "gate_gradient", "weight_norm", "gate_rms"))  # fmt: skip


def test_a_closure_of_sgd_is_one_step(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())
    rows = []
    losses = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = mean_loss(model(*batch.args))
        loss.backward()
        losses.append(loss)
        return loss

    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(3):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            optimizer.step(closure)  # type: ignore[arg-type]
    frames = only_frames(spool, 3)
    for frame, wanted in zip(frames, rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_a_closure_runs_the_last_of_several_forwards_of_a_step(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    batches = [images(), images()]
    rows = []

    def closure() -> torch.Tensor:
        loss = mean_loss(model(*batches[1].args)) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
        return loss

    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(3):
            halves = [lambda output: mean_loss(output) / 2] * 2
            rows.append(expected(model, halves, batches, optimizer=sgd))
            optimizer.zero_grad()
            (mean_loss(model(*batches[0].args)) / 2).backward()
            optimizer.step(closure)  # type: ignore[arg-type]
    for frame, wanted in zip(only_frames(spool, 3), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_a_closure_without_a_forward_changes_nothing(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(3):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            optimizer.zero_grad()
            loss = mean_loss(model(*batch.args))
            loss.backward()
            optimizer.step(closure=lambda loss=loss: loss)
    for frame, wanted in zip(only_frames(spool, 3), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_a_step_that_raised_behind_its_closure_leaves_the_next_to_be_measured(
    spool: pathlib.Path,
) -> None:
    class Failing(torch.optim.SGD):
        fails = True

        def step(self, closure: Any = None) -> Any:
            if self.fails:
                self.fails = False
                closure()
                raise ArithmeticError("behind the closure")
            return super().step(closure)

    model, batch = network(), images()
    optimizer = Failing(model.parameters(), lr=0.05)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = mean_loss(model(*batch.args))
        loss.backward()
        return loss

    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        with pytest.raises(ArithmeticError, match="behind the closure"):
            optimizer.step(closure)
        wanted = expected(model, mean_loss, [batch], optimizer=sgd)
        optimizer.step(closure)
    frame = only_frames(spool, 1)[0]
    assert frame[0].gradient_norm == pytest.approx(wanted[0]["gradient_norm"])
    assert frame[0].update_ratio == pytest.approx(wanted[0]["update_ratio"])


def test_lbfgs_measures_the_first_evaluation_of_each_step(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.01, max_iter=3)
    rows = []
    calls = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = mean_loss(model(*batch.args))
        loss.backward()
        calls.append(loss)
        return loss

    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(2):
            rows.append(expected(model, mean_loss, [batch]))
            optimizer.step(closure)  # type: ignore[arg-type]
    assert len(calls) > 4
    frames = only_frames(spool, 2)
    assert [frame.step for frame in frames] == [0, 1]
    for frame, wanted in zip(frames, rows, strict=True):
        check(frame, wanted, relative=1e-9, without=(*WITHOUT, "update_ratio"))
    assert frames[1][0].update_ratio is not None
    assert frames[1][0].update_ratio > 0


def test_gradients_set_to_none_and_to_zero(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(4):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            train_step(model, optimizer, batch)
            if step % 2:
                for parameter in model.parameters():
                    parameter.grad = None
            else:
                optimizer.zero_grad(set_to_none=False)
    for frame, wanted in zip(only_frames(spool, 4), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_gradients_that_are_gone_before_the_update_are_absent(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())
    rows = expected(model, mean_loss, [batch])
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        mean_loss(model(*batch.args)).backward()
        optimizer.zero_grad()
        optimizer.step()
    (frame,) = only_frames(spool, 1)
    for row in rows:
        row["gradient_norm"] = row["gate_gradient"] = None
        row["update_ratio"] = 0.0
    check(frame, rows, relative=1e-9, without=WITHOUT)


def test_a_gpt_with_fused_adamw_and_its_own_count_of_steps(spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model = GPT(50, 16, 1, 2, 16, 0.0).double()
    batch = Example((torch.randint(0, 50, (3, 8)),))

    def fused(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=1e-3, fused=True)

    optimizer = fused(model.parameters())
    train_step(model, optimizer, batch)
    rows = expected(model, mean_loss, [batch])
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(model, optimizer, batch)
    (frame,) = only_frames(spool, 1)
    assert frame.step == 1
    assert frame.learning_rate == 1e-3
    check(frame, rows, relative=1e-9, without=(*WITHOUT, "update_ratio"))


def test_two_uses_of_one_module_are_two_blocks_and_one_set_of_weights(spool: pathlib.Path) -> None:
    from networks.unknown import BlockTwice

    torch.manual_seed(5)
    model = BlockTwice(6).double()
    batch = images()
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True) as probe:
        for _ in range(3):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            train_step(model, optimizer, batch)
        assert probe.blocks is not None
        assert [block.name for block in probe.blocks] == ["shared", "other", "shared@2"]
    for frame, wanted in zip(only_frames(spool, 3), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


class SkippedTokens(torch.nn.Module):
    """Transformer blocks that may be left out of a whole batch, called by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList([SkippedBlock() for _ in range(3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(hidden=x)
        return x


class SkippedBlock(torch.nn.Module):
    """x + F(norm(x)), or x."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.map = torch.nn.LayerNorm(4), torch.nn.Linear(4, 4)
        self.is_left_out = False

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden if self.is_left_out else hidden + self.map(self.norm(hidden))


def test_tokens_of_a_skipped_branch_are_all_dropped(spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model = SkippedTokens()
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            for place, block in enumerate(model.blocks):
                block.is_left_out = place == (1, 2, 1)[step]
            train_step(model, optimizer, Example((torch.randn(5, 7, 4),)))
    for frame, left_out in zip(only_frames(spool, 3), (1, 2, 1), strict=True):
        assert [block.ordinal for block in frame.blocks] == [0, 1, 2]
        assert [block.samples for block in frame.blocks] == [35, 35, 35]
        assert [block.dropped for block in frame.blocks] == [
            35 * (place == left_out) for place in range(3)
        ]
        assert frame[left_out].residual_ratio is None
        assert all(block.micro_batches == 1 for block in frame.blocks)


def test_two_backward_passes_through_one_graph_leave_no_half_gradient(
    spool: pathlib.Path,
) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())

    def both(output: torch.Tensor) -> torch.Tensor:
        return mean_loss(output) + output[:, 0].square().mean()

    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(2):
            rows.append(expected(model, both, [batch], optimizer=sgd))
            optimizer.zero_grad()
            output = model(*batch.args)
            mean_loss(output).backward(retain_graph=True)
            output[:, 0].square().mean().backward()
            optimizer.step()
    gone = ("output_grad_norm", "branch_gain", "taylor_importance", "taylor_signed_mean")
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        wanted = [{**row, **dict.fromkeys(gone)} for row in wanted]
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_a_graph_of_the_gradients_themselves_is_not_recorded_into(spool: pathlib.Path) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(2):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            optimizer.zero_grad()
            mean_loss(model(*batch.args)).backward(create_graph=True)
            optimizer.step()
            for parameter in model.parameters():
                parameter.grad = None  # else the graph holds itself
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


class GivesAParameter(CifarResNet):
    """Its output holds one of its parameters."""

    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x), self.linear.bias


def test_no_hook_stays_on_a_parameter_that_is_given_out(spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model, batch = GivesAParameter(8, "B", 4).double(), images()
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(3):
            train_step(model, optimizer, batch)
            assert not model.linear.bias._backward_hooks
    only_frames(spool, 3)


@pytest.mark.parametrize("selector", ["layer2.*", lambda block: block.name == "layer2.0"])
def test_chosen_blocks_have_the_statistics_that_all_would_have(
    spool: pathlib.Path, selector: Any
) -> None:
    model, batch = network(), images()
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, blocks=selector, strict=True):
        for _ in range(2):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd)[1:2])
            train_step(model, optimizer, batch)
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_a_map_from_find_blocks_measures_the_first_step_without_a_search(
    spool: pathlib.Path,
) -> None:
    torch.manual_seed(5)
    model, batch = InlineTop(6).double().train(), images()
    optimizer = sgd(model.parameters())
    found = resnet_probe.find_blocks(model, batch.args[0])
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, blocks=found, strict=True):
        for _ in range(2):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            train_step(model, optimizer, batch)
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


@pytest.mark.usefixtures("nothing_compiled_after")
@pytest.mark.parametrize(
    "loop",
    [
        test_one_of_two_optimizers_alone_ends_its_step_with_the_next_forward,
        test_lbfgs_measures_the_first_evaluation_of_each_step,
    ],
)
def test_a_step_that_is_seen_is_no_hidden_one_where_something_else_was_compiled(
    loop: Callable[[pathlib.Path], None], spool: pathlib.Path
) -> None:
    torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2))
    assert has_compiled()
    loop(spool)
