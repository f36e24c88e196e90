"""A week of training in half a minute: what the recorder takes of a process in a million steps.

Real are the hooks on the network and its optimizer at every step, the loop of steps, a loss logged
at every step, and the journal. Not real are the forward, the backward pass and the update, which
compute nothing, and the statistics: those of a few steps that were measured before, at every step
that the default schedule measures.
"""

import json
import os
import pathlib
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import resnet_probe
import torch
from resnet_probe.journal.frame import BlockStatistics, Frame
from resnet_probe.journal.recording import Recording
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.spool import Spool
from resnet_probe.measuring.step import MeasuredStep
from resnet_probe.notices import Notices
from resnet_probe.probe import loop_of
from resnet_probe.schedule import Schedule

from frames import frames_in
from networks.unknown import InlineTop

MEASURED = 6
"""The steps that are trained in earnest."""
LOOKS = 10
"""How often the process is looked at."""
LOSS = 0.5


@dataclass(frozen=True)
class Look:
    """What the process held after so many steps."""

    step: int
    memory: int  # resident, in bytes
    descriptors: int
    threads: int
    spool: int  # bytes in the spool and in delivered/


def look(step: int, spool: pathlib.Path) -> Look:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return Look(
        step,
        pages * os.sysconf("SC_PAGESIZE"),
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        sum(path.stat().st_size for path in spool.rglob("*.rpj")),
    )


class Still(torch.optim.Optimizer):
    """An optimizer whose step changes nothing."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.1})

    def step(self, closure: Any = None) -> None:
        """Nothing."""


class Sleeping(InlineTop):
    """A network that computes while it is awake, and else passes its input on."""

    is_awake = True

    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x) if self.is_awake else x


class Repeated(MeasuredStep):
    """A step with the statistics of an earlier one."""

    def __init__(self, number: int, blocks: list[BlockStatistics]) -> None:
        super().__init__(number)
        self._blocks = blocks

    def is_ready(self) -> bool:
        return True

    def frame(self) -> Frame:
        return Frame(self.number, time.time(), learning_rate=0.1, blocks=self._blocks)


def deliver(spool: pathlib.Path, kept: pathlib.Path) -> None:
    """Does what a daemon does with segments that are complete, and gives them a second name."""
    segments = sorted(spool.glob("*.rpj"), key=lambda path: int(path.name.split(".")[1]))
    for path in segments[:-1]:
        os.link(path, kept / path.name)
        path.rename(spool / "delivered" / path.name)


def measured(steps: int, spool: pathlib.Path) -> list[Look]:
    """Trains for so many steps, each measured in earnest."""
    model = InlineTop(2).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    image = torch.randn(2, 3, 4, 4)
    looks = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True) as probe:
        for step in range(1, steps + 1):
            optimizer.zero_grad()
            loss = model(image).mean()
            loss.backward()
            optimizer.step()
            probe.log(loss=loss)
            if step % (steps // LOOKS) == 0:
                looks.append(look(step, spool))
    return looks


def delivered(steps: int, spool: pathlib.Path) -> list[Look]:
    """Trains for so many steps by the default schedule; complete segments are delivered."""
    kept = spool.parent / "kept"
    kept.mkdir()
    (spool / "delivered").mkdir(parents=True)
    model = Sleeping(2).train()
    optimizer = Still(model.parameters())

    def in_earnest(step: int) -> bool:
        return step < MEASURED and Schedule.default.measures(step)

    probe = resnet_probe.attach(model, optimizer, every=in_earnest, strict=True)
    loop = loop_of(probe)
    assert loop is not None
    image = torch.randn(2, 3, 4, 4)
    for _ in range(MEASURED):
        model(image).mean().backward()
        optimizer.step()
        probe.log(loss=LOSS)
    loop._record.deliver()
    statistics = [frame.blocks for frame in frames_in(spool)]
    model.is_awake = False
    nothing = torch.zeros(2, requires_grad=True)
    looks = []
    for step in range(MEASURED, steps):
        model(nothing)
        optimizer.step()
        if Schedule.default.measures(step):
            loop._record.put(Repeated(step, statistics[step % len(statistics)]))
        probe.log(loss=LOSS)
        if step % (steps // 1000) == 0:
            deliver(spool, kept)
        if (step + 1) % (steps // LOOKS) == 0:
            looks.append(look(step + 1, spool))
    probe.finish()
    return looks


def undelivered(steps: int, spool: pathlib.Path) -> list[Look]:
    """Records so many steps, without a network; nothing is delivered, so that the spool fills."""
    first = spool.parent / "first"
    os.environ["RESNET_PROBE_SPOOL"] = str(first)
    model = InlineTop(2).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with resnet_probe.attach(model, optimizer, every=1, strict=True) as probe:
        for _ in range(MEASURED):
            model(torch.randn(2, 3, 4, 4)).mean().backward()
            optimizer.step()
        blocks = probe.blocks
    assert blocks is not None
    statistics = [frame.blocks for frame in frames_in(first)]
    limit = int(os.environ["RESNET_PROBE_SPOOL_LIMIT"])
    opened = RunOpened(bytes(16), bytes(16), "week", started_at=time.time())
    recording = Recording(opened, list(blocks), Spool(str(spool), limit), Notices())
    looks = []
    for step in range(steps):
        if Schedule.default.measures(step):
            recording.put(Repeated(step, statistics[step % len(statistics)]).frame())
        recording.log(step, {"loss": LOSS})
        if (step + 1) % (steps // LOOKS) == 0:
            looks.append(look(step + 1, spool))
    recording.finish("completed", steps - 1)
    return looks


def main(arguments: Sequence[str]) -> None:
    """Prints the looks at a training: its kind, its steps and its spool are given."""
    torch.set_num_threads(1)
    torch.manual_seed(5)
    train = {"measured": measured, "delivered": delivered, "undelivered": undelivered}
    looks = train[arguments[0]](int(arguments[1]), pathlib.Path(arguments[2]))
    print(json.dumps([asdict(one) for one in looks]))


if __name__ == "__main__":
    main(sys.argv[1:])
