"""Trainings that end in every way: killed, forked, resumed, with a full spool."""

import json
import pathlib
import random
import signal
import time
from typing import Any

import pytest
import resnet_probe
import torch
from torch.utils.data import DataLoader, TensorDataset

from frames import frames_in
from journals import ATTEMPT_FINISHED, FRAME, RUN_OPENED, records
from networks.entry import Example, mean_loss
from networks.unknown import InlineTop
from processes import command, start
from recorded import check, expected, sgd, train_step

TRAINING = """
import os
import torch
torch.set_num_threads(1)
import resnet_probe
from networks.unknown import InlineTop
from networks.entry import mean_loss

os.environ["RESNET_PROBE_SPOOL"] = sys.argv[1]
torch.manual_seed(5)
model = InlineTop(2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
probe = resnet_probe.attach(model, optimizer, every=1, run="killed")
image = torch.randn(2, 3, 4, 4)
for step in range(100_000):
    optimizer.zero_grad()
    loss = mean_loss(model(image))
    loss.backward()
    optimizer.step()
    probe.log(loss=loss)
    print(step, flush=True)
"""


def whole_frames(spool: pathlib.Path) -> list[int]:
    """The steps of the frames that are whole; a cut end is what a kill may leave."""
    import struct

    steps = []
    for path in sorted(spool.glob("*.rpj"), key=lambda path: int(path.name.split(".")[1])):
        data = path.read_bytes()
        at = 24
        while at + 8 <= len(data):
            (length,) = struct.unpack_from("<I", data, at)
            if at + 8 + length > len(data):
                break
            at += 8 + length
        steps += [int(r.number(1)) for r in records(data[:at]) if r.kind == FRAME]
    return steps


def test_kill_9_at_any_moment_loses_no_more_than_the_last_second(tmp_path: pathlib.Path) -> None:
    draw = random.Random(5)
    for attempt in range(3):
        spool = tmp_path / str(attempt)
        process = start(TRAINING, spool)
        assert process.stdout is not None
        ended: list[tuple[float, int]] = []
        last = draw.randrange(20, 150)
        for line in process.stdout:
            ended.append((time.perf_counter(), int(line)))
            if int(line) == last:
                break
        killed_at = time.perf_counter()
        process.send_signal(signal.SIGKILL)
        ended += [(time.perf_counter(), int(line)) for line in process.stdout.read().split()]
        process.wait(60)
        found = whole_frames(spool)
        assert found == list(range(len(found)))
        # What was read here ended before it was read.
        must = [step for when, step in ended if when < killed_at - 1]
        assert len(found) >= len(must)
        assert len(found) >= last - 2  # each frame is written when the next comes
        (tmp_path / f"store {attempt}").mkdir()
        rows = queried(spool, tmp_path / f"store {attempt}", "SELECT step FROM run_step")
        assert [row["step"] for row in rows] == found


def test_data_loader_workers_that_fork_record_nothing(spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model = InlineTop(6).double().train()
    optimizer = sgd(model.parameters())
    data = TensorDataset(torch.randn(16, 3, 8, 8, dtype=torch.float64))
    loader = DataLoader(data, batch_size=8, num_workers=2, multiprocessing_context="fork")
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(model, optimizer, Example((data.tensors[0][:8],)))
        for _ in range(2):
            for (batch,) in loader:
                rows.append(expected(model, mean_loss, [Example((batch,))], optimizer=sgd))
                train_step(model, optimizer, Example((batch,)))
    frames = frames_in(spool)
    assert [frame.step for frame in frames] == [0, 1, 2, 3, 4]
    for frame, wanted in zip(frames[1:], rows, strict=True):
        check(frame, wanted, relative=1e-9, without=("absorbed_fraction",))


def adam(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def openings(spool: pathlib.Path) -> list[tuple[int, list[int], int]]:
    """The first step, the frames' steps and the last step of each journal, in order of time."""
    found = []
    for path in spool.glob("*.rpj"):
        head, *rest = records(path.read_bytes())
        assert head.kind == RUN_OPENED
        steps = [int(record.number(1)) for record in rest if record.kind == FRAME]
        ends = [int(record.number(3)) for record in rest if record.kind == ATTEMPT_FINISHED]
        found.append((head.number(7), (int(head.number(8)), steps, ends[0])))
    return [opened for _, opened in sorted(found)]


def test_a_resumed_run_goes_on_and_supersedes_what_overlaps(
    spool: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    image = Example((torch.randn(4, 3, 4, 4),))
    torch.manual_seed(5)
    model = InlineTop(2).train()
    optimizer = adam(model)
    with resnet_probe.attach(model, optimizer, every=1, run="resumed") as probe:
        identity = probe.run
        for step in range(6):
            train_step(model, optimizer, image)
            probe.log(loss=10.0 + step)
            if step == 3:
                saved = (
                    {k: v.clone() for k, v in model.state_dict().items()},
                    torch.load(_file(optimizer, tmp_path), weights_only=True),
                )
    model = InlineTop(2).train()
    optimizer = adam(model)
    model.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    with resnet_probe.attach(model, optimizer, every=1, run="resumed", id=identity) as probe:
        for _ in range(3):
            train_step(model, optimizer, image)
            probe.log(loss=20.0)
    assert openings(spool)[:2] == [(0, [0, 1, 2, 3, 4, 5], 5), (4, [4, 5, 6], 6)]
    assert queried(spool, tmp_path, "SELECT step, loss FROM run_step ORDER BY step") == [
        {"step": 0, "loss": 10.0},
        {"step": 1, "loss": 11.0},
        {"step": 2, "loss": 12.0},
        {"step": 3, "loss": 13.0},
        {"step": 4, "loss": 20.0},
        {"step": 5, "loss": 20.0},
        {"step": 6, "loss": 20.0},
    ]
    (run,) = queried(spool, tmp_path, "SELECT name FROM run")
    assert run["name"] == "resumed"


def queried(spool: pathlib.Path, folder: pathlib.Path, statement: str) -> list[dict[str, Any]]:
    """The rows that the command finds in a spool."""
    store = folder / "probe.sqlite"
    command("ingest", "--store", store, "--spool", spool)
    rows: list[dict[str, Any]] = json.loads(command("query", statement, "--json", "--store", store))
    return rows


def _file(optimizer: torch.optim.Optimizer, folder: pathlib.Path) -> pathlib.Path:
    path = folder / "optimizer.pt"
    torch.save(optimizer.state_dict(), path)
    return path


def test_a_full_spool_counts_what_it_drops_and_training_goes_on(
    spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESNET_PROBE_SPOOL_LIMIT", "20000")
    torch.manual_seed(5)
    model, bare = InlineTop(2).train(), InlineTop(2).train()
    bare.load_state_dict(model.state_dict())
    image = Example((torch.randn(4, 3, 4, 4),))
    optimizer, other = sgd(model.parameters()), sgd(bare.parameters())
    with resnet_probe.attach(model, optimizer, every=1):
        for _ in range(40):
            train_step(model, optimizer, image)
            train_step(bare, other, image)
    for ours, theirs in zip(model.parameters(), bare.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    (path,) = spool.glob("*.rpj")
    kinds = records(path.read_bytes())
    written = [record for record in kinds if record.kind == FRAME]
    (end,) = [record for record in kinds if record.kind == ATTEMPT_FINISHED]
    assert 0 < len(written) < 40
    assert int(end.number(4)) == 40 - len(written)
    lines = [line for line in capfd.readouterr().err.splitlines() if "resnet-probe" in line]
    assert len(lines) == 2  # the summary, and one line of the spool
    assert "spool" in lines[1]


def test_a_resumed_run_whose_optimizer_counts_no_steps_is_told_to_give_one(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(5)
    model = InlineTop(2).train()
    image = Example((torch.randn(4, 3, 4, 4),))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    train_step(model, optimizer, image)
    capfd.readouterr()
    with resnet_probe.attach(model, optimizer, every=1, id="5" * 32):
        train_step(model, optimizer, image)
    with resnet_probe.attach(model, optimizer, every=1, id="5" * 32, step=7):
        train_step(model, optimizer, image)
    assert openings(spool) == [(0, [0], 0), (7, [7], 7)]
    lines = [line for line in capfd.readouterr().err.splitlines() if "resnet-probe" in line]
    assert len(lines) == 3
    assert lines[0] == (
        "resnet-probe: the optimizer does not tell how many steps it made: steps of this attempt"
        " count from 0; give attach(step=…) where a run goes on"
    )
