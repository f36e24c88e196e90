"""An examination that was stopped, or killed, goes on with what is missing."""

import functools
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.journal.ablation_wire import ABLATION, Ablation, read_ablation
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from journals import ROOT, payloads
from networks.cifar_resnet import CifarResNet

ID = "00112233445566778899aabbccddeeff"


def recorded(spool: pathlib.Path) -> list[Ablation]:
    """The ablations of all journals, delivered or not, in order."""
    found = []
    for path in sorted([*spool.glob("*.rpj"), *spool.glob("delivered/*.rpj")]):
        for payload in payloads(path.read_bytes()):
            if payload[0] == ABLATION << 3 | 2:
                at = 1
                while payload[at] & 0x80:
                    at += 1
                found.append(read_ablation(payload[at + 1 :]))
    return found


def shuffled() -> DataLoader[Any]:
    own = torch.Generator().manual_seed(9)
    x = torch.randn(20, 3, 8, 8, generator=own)
    y = torch.randint(0, 10, (20,), generator=own)
    return DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)


def begun(id: str = ID) -> tuple[nn.Module, resnet_probe.Probe]:
    torch.manual_seed(1)
    model = CifarResNet(8, "A", 4).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, id=id, step=7, strict=True)
    x, y = torch.randn(4, 3, 8, 8), torch.randint(0, 10, (4,))
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    return model, probe


class Loss:
    """Cross-entropy that does something at one of its calls."""

    def __init__(self, call: int, action: Callable[[], None]) -> None:
        self._calls = 0
        self._call = call
        self._action = action

    @property
    def calls(self) -> int:
        return self._calls

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        self._calls += 1
        if self._calls == self._call:
            self._action()
        return F.cross_entropy(output, target, reduction="none")


def nothing() -> None:
    """Does nothing."""


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def raises(*_: object) -> None:
    """A handler of another's."""
    raise KeyboardInterrupt


def twice() -> None:
    interrupt()
    interrupt()


def said(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err


def test_a_shuffled_loader_gives_one_set_and_a_finished_examination_is_not_run_again(
    spool: pathlib.Path,
) -> None:
    model, probe = begun()
    first = probe.examine(model, shuffled(), Loss(0, nothing), progress=False, curve=False)
    again = Loss(0, nothing)
    second = probe.examine(model, shuffled(), again, progress=False, curve=False)
    assert first == second
    assert again.calls == 5 + 1  # the untouched network, which still has that loss
    assert [one.ordinals for one in recorded(spool)] == [(0,), (1,), (2,)]
    assert {one.planned for one in recorded(spool)} == {3}
    assert first is not None
    assert first.step == 8
    with torch.no_grad():
        next(model.parameters()).add_(0.01)
    third = probe.examine(model, shuffled(), again, progress=False, curve=False)
    assert third is not None
    assert third.base_loss != first.base_loss
    assert len({one.examination for one in recorded(spool)}) == 2
    probe.finish()


def test_later_calls_add_sets_of_blocks_to_the_same_examination(spool: pathlib.Path) -> None:
    model, probe = begun()
    whole = Loss(0, nothing)
    probe.examine(model, shuffled(), whole, blocks=["layer2.0"], progress=False, curve=False)
    singles = probe.examine(model, shuffled(), whole, progress=False, curve=False)
    assert whole.calls == 5 + 1 + 5 + 5 + 1 + 2 * 5
    both = probe.examine(
        model,
        shuffled(),
        whole,
        blocks=[],
        together=[["layer1.0", "layer3.0"]],
        progress=False,
        curve=False,
    )
    assert singles is not None
    assert both is not None
    assert [one.ordinals for one in both] == [(0, 2)]
    assert [(one.ordinals, one.planned) for one in recorded(spool)] == [
        ((1,), 1),
        ((0,), 3),
        ((2,), 3),
        ((0, 2), 4),
    ]
    assert len({one.examination for one in recorded(spool)}) == 1
    probe.finish()


def test_an_interrupt_stops_it_and_the_same_call_goes_on(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, probe = begun()
    handler = signal.getsignal(signal.SIGINT)
    modes = [module.training for module in model.modules()]
    # Five batches untouched, one again, five without the first block, then within the second.
    found = probe.examine(model, shuffled(), Loss(13, interrupt), curve=False)
    assert found is not None
    assert (len(found), found.remaining) == (1, 2)
    assert "2 not measured yet" in repr(found)
    lines = said(capfd)
    assert re.match(r"resnet-probe: examine: 3 blocks × 5 batches, about \d\.\d s\n", lines)
    assert "stopped with 1 measured; 2 are left, with which the same call goes on\n" in lines
    assert signal.getsignal(signal.SIGINT) is handler
    assert [module.training for module in model.modules()] == modes
    rest = Loss(0, nothing)
    found = probe.examine(model, shuffled(), rest, curve=False)
    assert found is not None
    assert (len(found), found.remaining) == (3, 0)
    assert rest.calls == 5 + 1 + 2 * 5
    assert "3 blocks, 1 of them measured before × 5 batches" in said(capfd)
    assert [one.ordinals for one in recorded(spool)] == [(0,), (1,), (2,)]
    probe.finish()


def test_a_second_interrupt_raises_and_leaves_all_as_it_was(spool: pathlib.Path) -> None:
    model, probe = begun()
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        probe.examine(model, shuffled(), Loss(13, twice), progress=False, curve=False)
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert [one.ordinals for one in recorded(spool)] == [(0,)]
    probe.finish()


def test_an_interrupt_before_anything_was_measured_is_said(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, probe = begun()
    assert probe.examine(model, shuffled(), Loss(2, interrupt), curve=False) is None
    assert "examine: stopped before anything was measured\n" in said(capfd)
    assert recorded(spool) == []
    probe.finish()


def test_an_interrupt_while_batches_are_read_ends_that(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, probe = begun()
    read = []

    def endless() -> Iterator[Any]:
        while True:
            read.append(len(read))
            if len(read) == 3:
                interrupt()
            yield torch.zeros(0, 3, 8, 8), torch.zeros(0)

    assert probe.examine(model, endless(), F.cross_entropy, curve=False) is None
    assert len(read) == 3
    assert "examine: stopped before anything was measured\n" in said(capfd)
    assert recorded(spool) == []
    # Where interrupts are handled by another, the first that comes through stops it too.
    before = signal.signal(signal.SIGINT, raises)
    try:
        assert (
            probe.examine(model, shuffled(), Loss(2, interrupt), progress=False, curve=False)
            is None
        )
        found = probe.examine(model, shuffled(), Loss(13, interrupt), progress=False, curve=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert found is not None
    assert (len(found), found.remaining) == (1, 2)
    probe.finish()


def test_the_time_given_ends_it_after_one_block_at_least(spool: pathlib.Path) -> None:
    model, probe = begun()
    for left in (2, 1, 0):
        found = probe.examine(
            model, shuffled(), F.cross_entropy, seconds=1e-6, progress=False, curve=False
        )
        assert found is not None
        assert found.remaining == left
    assert len(recorded(spool)) == 3
    probe.finish()


def test_after_kill_9_another_process_measures_what_is_missing(spool: pathlib.Path) -> None:
    code = """
        import os, signal
        from test_examine_resumed import Loss, begun, shuffled
        model, probe = begun()
        kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
        probe.examine(model, shuffled(), Loss(13, kill), progress=False, curve=False)
    """
    path = os.pathsep.join([str(ROOT / "Tests" / "python"), str(ROOT / "Sources" / "python")])
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=60,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    assert [one.ordinals for one in recorded(spool)] == [(0,)]
    # What the daemon has taken in lies in `delivered`.
    (spool / "delivered").mkdir(mode=0o700)
    for path in spool.glob("*.rpj"):
        path.rename(spool / "delivered" / path.name)
    model, probe = begun()
    rest = Loss(0, nothing)
    found = probe.examine(model, shuffled(), rest, progress=False, curve=False)
    assert found is not None
    assert len(found) == 3
    assert rest.calls == 5 + 1 + 2 * 5
    # The new attempt's examination is whole by itself.
    own = recorded(spool)
    own.sort(key=lambda one: one.ordinals)
    assert [one.ordinals for one in own] == [(0,), (0,), (1,), (2,)]
    assert len({one.examination for one in own}) == 1
    assert own[0] == own[1]
    probe.finish()
    other, unlike = begun("ff" * 16)
    rest = Loss(0, nothing)
    assert unlike.examine(other, shuffled(), rest, progress=False, curve=False) is not None
    assert rest.calls == 5 + 1 + 3 * 5
    unlike.finish()


def test_damaged_and_foreign_segments_are_passed_over(spool: pathlib.Path) -> None:
    model, probe = begun()
    first = probe.examine(model, shuffled(), Loss(13, interrupt), progress=False, curve=False)
    assert first is not None
    (path,) = spool.glob("*.rpj")
    data = path.read_bytes()
    for place, name in enumerate(("aa", "bb", "cc")):
        (spool / f"{name * 16}.0.rpj").write_bytes(data[: 40 * place])
    damaged = bytearray(data)
    damaged[-3] ^= 0xFF
    (spool / f"{'dd' * 16}.0.rpj").write_bytes(damaged)
    found = probe.examine(model, shuffled(), Loss(0, nothing), progress=False, curve=False)
    assert found is not None
    assert len(found) == 3
    assert found[0] == first[0]
    probe.finish()


class Scaled(nn.Module):
    """A loss with a number of its own."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.factor * F.cross_entropy(output, target)


def test_another_loss_is_another_examination(spool: pathlib.Path) -> None:
    model, probe = begun()
    factor = 2.0
    losses: list[Any] = [
        F.cross_entropy,
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.CrossEntropyLoss(weight=torch.arange(10.0) + 1),
        lambda output, target: F.cross_entropy(output, target),
        lambda output, target: 2 * F.cross_entropy(output, target),
        lambda output, target: factor * F.cross_entropy(output, target),
        functools.partial(F.cross_entropy, label_smoothing=0.2),
        functools.partial(F.cross_entropy, label_smoothing=0.3),
        Scaled(3.0),
        Scaled(4.0),
    ]
    found = [probe.examine(model, shuffled(), loss, progress=False, curve=False) for loss in losses]
    factor = 5.0
    found.append(probe.examine(model, shuffled(), losses[5], progress=False, curve=False))
    with torch.autocast("cpu", torch.bfloat16):
        found.append(probe.examine(model, shuffled(), losses[0], progress=False, curve=False))
    assert len({one.examination for one in recorded(spool)}) == len(losses) + 2
    bases = [one.base_loss for one in found if one is not None]
    assert bases[5] == bases[4] == pytest.approx(2 * bases[0], rel=1e-6)
    assert bases[10] == pytest.approx(5 * bases[0], rel=1e-6)
    assert bases[9] == pytest.approx(4 * bases[0], rel=1e-6)
    again = [
        probe.examine(model, shuffled(), loss, progress=False, curve=False) for loss in losses[:5]
    ]
    assert again == found[:5]
    assert len({one.examination for one in recorded(spool)}) == len(losses) + 2
    probe.finish()


def test_a_loss_is_known_again_in_another_process() -> None:
    code = """
        import functools, hashlib
        import torch.nn.functional as F
        from resnet_probe.examining.contents import take_in_function
        from test_examine_resumed import Loss, Scaled, nothing
        names = {"a", "b", "c", "d"}
        into = hashlib.sha256()
        for one in (
            Loss(3, nothing), Scaled(2.0), F.cross_entropy, functools.partial(F.cross_entropy, p=2),
            lambda o, t: o if t in {"a", "b", "c", "d"} else (lambda: t)(), [].append, print,
        ):
            take_in_function(into, one)
        print(into.hexdigest())
    """
    path = os.pathsep.join([str(ROOT / "Tests" / "python"), str(ROOT / "Sources" / "python")])
    found = {
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60,
            capture_output=True, env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
