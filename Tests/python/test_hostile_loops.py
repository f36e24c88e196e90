"""Processes, scalers and networks around a probe that once led it astray."""

import os
import pathlib

import pytest
import resnet_probe
import torch
from resnet_probe import ProbeError
from torch import nn

from frames import frames_in
from journals import Folder


def network() -> nn.Sequential:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.f(x)

    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), Block(), nn.Linear(8, 3))


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.ones(4, 8)).square().mean().backward()
    optimizer.step()


def test_a_forked_process_does_not_train_into_its_parents_run(spool: pathlib.Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    said = spool.parent / "said"
    with resnet_probe.attach(model, optimizer, every=1):
        child = os.fork()
        if child == 0:
            file = os.open(said, os.O_WRONLY | os.O_CREAT)
            os.dup2(file, 2)
            for _ in range(3):
                step(model, optimizer)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        step(model, optimizer)
    assert said.read_text().splitlines() == [
        (
            "resnet-probe: this process was forked from the one that attached, and is not recorded:"
            " attach in it"
        )
    ]
    assert len(list(spool.glob("*.rpj"))) == 1
    assert len(frames_in(spool)) == 1


def test_a_descriptor_that_became_another_files_is_not_written(spool: pathlib.Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with resnet_probe.attach(model, optimizer, every=1):
        for _ in range(2):
            step(model, optimizer)
        (segment,) = spool.glob("*.rpj")
        own = segment.stat()
        numbers = [int(path.name) for path in pathlib.Path("/proc/self/fd").iterdir()]
        (number,) = [n for n in numbers if is_file(n, own.st_dev, own.st_ino)]
        victim = os.open(spool.parent / "victim", os.O_RDWR | os.O_CREAT)
        os.dup2(victim, number)
        os.close(victim)
        for _ in range(2):
            step(model, optimizer)
    assert (spool.parent / "victim").read_bytes() == b""
    os.close(number)
    assert len(Folder(spool).steps()) >= 3  # the later ones in a segment of their own


def is_file(number: int, device: int, inode: int) -> bool:
    try:
        status = os.fstat(number)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (device, inode)


def test_the_scale_of_a_scaler_that_was_not_given_is_divided_out(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    norms = []
    for scaled in (False, True):
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.0)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=scaled)
        with resnet_probe.attach(model, optimizer, every=1):
            loss = model(torch.ones(4, 8)).square().mean()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        (frame,) = frames_in(spool)
        assert frame[0].output_grad_norm is not None
        norms.append((frame[0].output_grad_norm.mean, frame[0].gradient_norm))
        for path in spool.glob("*.rpj"):
            path.unlink()
    assert norms[1] == pytest.approx(norms[0], rel=1e-6)
    assert "a GradScaler steps the optimizer that attach was not given" in capfd.readouterr().err


def test_lazy_parameters_are_not_made_by_looking() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 4))
    with pytest.raises(ProbeError) as raised:
        resnet_probe.find_blocks(model, torch.ones(2, 3))
    assert str(raised.value) == (
        "cannot find the blocks of Sequential: it has lazy parameters without a shape; run it once"
        " first"
    )
    assert isinstance(model[0].weight, nn.UninitializedParameter)


def test_forwards_without_backward_leave_room_for_the_one_that_trains(
    spool: pathlib.Path,
) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with resnet_probe.attach(model, optimizer, every=1):
        for _ in range(2):
            for _ in range(300):
                model(torch.ones(4, 8))
            step(model, optimizer)
    assert [frame[0].micro_batches for frame in frames_in(spool)][1:] == [1]


def test_a_spool_that_cannot_be_opened_is_all_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESNET_PROBE_SPOOL", "/proc/no/spool")
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with resnet_probe.attach(model, optimizer, every=1) as probe:
        for _ in range(2):
            step(model, optimizer)
        assert not probe.is_recording
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("resnet-probe: cannot open the spool /proc/no/spool: ")
    assert line.endswith("set RESNET_PROBE_SPOOL to a folder of your own; nothing is recorded")
