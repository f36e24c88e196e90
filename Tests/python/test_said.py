"""What an attached probe says: one line at the first measured step, or why there is nothing."""

import pathlib

import pytest
import resnet_probe
import torch
from resnet_probe import ProbeError, attach
from torch import nn

from frames import frames_in
from networks.cifar_resnet import CifarResNet
from networks.entry import Example, mean_loss
from networks.unknown import InlineTop
from recorded import sgd, train_step

NOTHING = "resnet-probe: nothing is recorded of the attached network: "


def images(seed: int = 0) -> Example:
    return Example((torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed)),))


def network() -> CifarResNet:
    torch.manual_seed(5)
    return CifarResNet(8, "A", 4).train()


class Said:
    """The lines of standard error that are the probe's, and the spool."""

    def __init__(self, capfd: pytest.CaptureFixture[str], spool: pathlib.Path) -> None:
        self.spool = spool
        self._capfd = capfd
        capfd.readouterr()

    def lines(self) -> list[str]:
        errors = self._capfd.readouterr().err
        return [line for line in errors.splitlines() if line.startswith("resnet-probe")]


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], spool: pathlib.Path) -> Said:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()  # another test may have compiled something
    return Said(capfd, spool)


def test_the_first_measured_step_is_summed_up_in_one_line(said: Said) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, run="digits") as probe:
        assert said.lines() == []
        for _ in range(3):
            train_step(model, optimizer, images())
        run = probe.run[:8]
    assert said.lines() == [
        (
            f"resnet-probe: recording 'digits' (run {run}): 3 blocks: 1 residual, identity shortcut;"
            " 2 residual, projection shortcut; 3 firing"
        )
    ]


class Idle(InlineTop):
    """Leaves one of its blocks out after the first pass."""

    def __init__(self) -> None:
        super().__init__(4)
        self.block = nn.ModuleList([OneBlock() for _ in range(2)])
        self.runs = 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.block[: self.runs]:
            x = block(x)
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


class OneBlock(nn.Module):
    """x + F(x)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x)  # type: ignore[no-any-return]


def test_silent_blocks_and_blocks_without_gradient_are_named(said: Said) -> None:
    torch.manual_seed(5)
    model = Idle()
    found = resnet_probe.find_blocks(model, images().args[0])
    model.runs = 1
    model.stem.requires_grad_(False)
    model.block[0].requires_grad_(False)
    optimizer = sgd(p for p in model.parameters() if p.requires_grad)
    with attach(model, optimizer, every=1, run="digits", blocks=found) as probe:
        train_step(model, optimizer, images())
        run = probe.run[:8]
    assert said.lines() == [
        (
            f"resnet-probe: recording 'digits' (run {run}): 2 blocks: 2 residual, identity shortcut;"
            " 1 firing; 1 silent, as their modules did not run (block.1);"
            " 1 without gradient, as no backward pass or more than one reached them (block.0)"
        )
    ]


def test_a_network_that_only_runs_in_eval_mode(said: Said) -> None:
    model = network().eval()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1):
        for _ in range(3):
            train_step(model, optimizer, images())
    assert said.lines() == [NOTHING + "the network ran in eval mode only (call model.train())"]


def test_a_network_that_only_runs_without_gradients(said: Said) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1):
        for _ in range(3):
            with torch.no_grad():
                model(*images().args)
            optimizer.step()
    assert said.lines() == [NOTHING + "the network ran without gradients only"]


def test_a_network_whose_loss_is_another_ones(said: Said) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1):
        for _ in range(3):
            model(*images().args)
            optimizer.step()
    assert said.lines() == [NOTHING + "no backward pass reached the network's output"]


def test_a_module_that_the_loop_does_not_call(said: Said) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    with attach(model.linear.__class__(3, 3), optimizer, every=1):
        for _ in range(3):
            train_step(model, optimizer, images())
    assert said.lines() == [
        NOTHING + "its forward never ran: attach to the very module that the loop calls"
    ]


def test_what_is_recorded_at_last_is_summed_up_although_nothing_was_at_first(said: Said) -> None:
    model = network().eval()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1):
        train_step(model, optimizer, images())
        model.train()
        train_step(model, optimizer, images())
    first, second = said.lines()
    assert first == NOTHING + "the network ran in eval mode only (call model.train())"
    assert second.startswith("resnet-probe: recording 'CifarResNet'")


def test_a_network_without_blocks(said: Said) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1):
        for _ in range(3):
            train_step(model, optimizer, Example((torch.randn(4, 4),)))
    assert said.lines() == [
        NOTHING + "no block was found; see find_blocks, register_block and attach(blocks=…)"
    ]


def test_a_failed_measurement_is_one_line_and_training_goes_on(
    said: Said, spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resnet_probe.measuring import sums

    wanted = network()
    for step in range(3):
        train_step(wanted, sgd(wanted.parameters()), images(step))
    model = network()
    optimizer = sgd(model.parameters())

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of a test")

    with attach(model, optimizer, every=1):
        train_step(model, optimizer, images(0))
        monkeypatch.setattr(sums, "residual_sums", broken)
        train_step(model, optimizer, images(1))
        monkeypatch.undo()
        monkeypatch.setenv("RESNET_PROBE_SPOOL", str(spool))
        train_step(model, optimizer, images(2))
    for ours, theirs in zip(model.parameters(), wanted.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    lines = said.lines()[1:]
    assert len(lines) == 1
    assert "a measurement failed and was left out (ZeroDivisionError: of a test)" in lines[0]
    frames = frames_in(spool)
    assert [frame.step for frame in frames][-1] == 2
    assert len(frames[-1].blocks) == 3


@pytest.mark.usefixtures("said")
def test_strictness_raises_what_would_be_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from resnet_probe.measuring import sums

    model = network().eval()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, strict=True):
        with pytest.raises(ProbeError, match="in eval mode only"):
            train_step(model, optimizer, images())
        model.train()

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("of a test")

        monkeypatch.setattr(sums, "residual_sums", broken)
        with pytest.raises(ZeroDivisionError, match="of a test"):
            train_step(model, optimizer, images())


def test_an_example_that_does_not_fit_is_told_and_passed_over(
    said: Said, spool: pathlib.Path
) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer, every=1, example=torch.zeros(2, 5)):
        train_step(model, optimizer, images())
    first, second = said.lines()
    assert first.endswith("; they are looked for in the first training forward")
    assert second.startswith("resnet-probe: recording")
    assert len(frames_in(spool)) == 1


def test_a_probe_that_is_switched_off_hooks_nothing(
    said: Said, spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_PROBE_MODE", "disabled")
    model = network()
    optimizer = sgd(model.parameters())
    with attach(model, optimizer) as probe:
        assert not model._forward_hooks
        assert not model._forward_pre_hooks
        train_step(model, optimizer, images())
        probe.log(loss=1.0)
        probe.step()
    assert not probe.is_recording
    assert said.lines() == []
    assert not spool.exists()


@pytest.mark.usefixtures("said")
def test_steps_by_hand_where_no_optimizer_tells(spool: pathlib.Path) -> None:
    model = network()
    with attach(model, every=1) as probe:
        for step in range(3):
            loss = mean_loss(model(*images(step).args))
            loss.backward()
            probe.log(loss=loss, accuracy=0.5)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= 0.01 * parameter.grad  # type: ignore[operator]
                    parameter.grad = None
            probe.step()
    frames = frames_in(spool)
    assert [frame.step for frame in frames] == [0, 1, 2]
    assert all(frame.loss is not None and frame.metrics["accuracy"] == 0.5 for frame in frames)
    assert all(block.taylor_importance is not None for block in frames[2].blocks)
