"""Steps of all ways, interleaved in one process: a noisy machine slows all alike."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from recorder import ways
from recorder.table import Compared, quartiles
from recorder.trainer import Case, Trainer

WARM_UP = 2
"""Steps of each way before the first round: blocks are found, allocators are warm."""


@dataclass
class Timed:
    """The bare step, and each way round by round."""

    bare: Compared
    compared: list[Compared]

    def of(self, name: str) -> Compared:
        """The way of a name. LookupError where it was not timed."""
        return {way.name: way for way in self.compared}[name]

    def amortised(self, unmeasured: float) -> float:
        """What the default schedule adds beyond step 500, as a share of the bare step.

        `unmeasured`: what the hooks of a step that is not measured take, in seconds: far less than
        the noise of a step.
        """
        measured = quartiles(differences(self.of(ways.FULL), self.bare))[1]
        return (measured / 50 + unmeasured * 49 / 50) / quartiles(self.bare.seconds)[1]


def differences(way: Compared, bare: Compared) -> list[float]:
    """Seconds that a way adds, round by round."""
    return [one - other for one, other in zip(way.seconds, bare.seconds, strict=True)]


def timed(
    make: Callable[[], Trainer],
    rounds: int,
    finish: Callable[[], None],
    names: Sequence[str],
) -> Timed:
    """Times a step of each way in each round; `finish` waits for what a step still does."""
    wanted = [True]
    with contextlib.ExitStack() as stack:
        steps: dict[str, ways.Step] = {"": make(), ways.TWIN: make()}
        steps[ways.UNMEASURED] = ways.recorded(make(), "full", lambda _: wanted[0])
        steps[ways.NORMS] = ways.recorded(make(), "norms")
        steps[ways.FULL] = ways.recorded(make(), "full")
        if ways.HOOKS in names:
            steps[ways.HOOKS] = ways.with_hooks(make())
        if ways.WANDB in names:
            steps[ways.WANDB] = stack.enter_context(ways.wandb_watching(make()))
        if ways.TENSORBOARD in names:
            steps[ways.TENSORBOARD] = stack.enter_context(
                ways.tensorboard_writing(make())
            )
        for step in steps.values():
            for _ in range(WARM_UP):
                step()
        wanted[0] = False
        taken: dict[str, list[float]] = {name: [] for name in steps}
        order = list(steps)
        shuffled = random.Random(
            0
        )  # no way always follows the one that empties the caches
        for _ in range(rounds):
            shuffled.shuffle(order)
            for name in order:
                finish()
                start = time.perf_counter()
                steps[name]()
                finish()
                taken[name].append(time.perf_counter() - start)
        for step in steps.values():
            if hasattr(step, "probe"):
                step.probe.finish()
    bare = Compared("", taken.pop(""))
    return Timed(bare, [Compared(name, seconds) for name, seconds in taken.items()])


def with_default(found: Timed) -> list[Compared]:
    """The ways in the table's order, with the default schedule made of its two kinds of steps."""
    pairs = zip(
        found.of(ways.FULL).seconds, found.of(ways.UNMEASURED).seconds, strict=True
    )
    seconds = [one / 50 + other * 49 / 50 for one, other in pairs]
    known = {
        way.name: way for way in [*found.compared, Compared(ways.DEFAULT, seconds)]
    }
    return [known[name] for name in ways.NAMES if name in known]


def on_cpu(case: Case, rounds: int, names: Sequence[str]) -> Timed:
    """All ways on the CPU."""
    return timed(lambda: Trainer(case), rounds, lambda: None, names)


def nothing_waits(make: Callable[[], Trainer], steps: int) -> None:
    """Runs measured steps while CUDA raises at whatever waits for the device."""
    trainer = make()
    ways.recorded(trainer, "full")
    for _ in range(WARM_UP):
        trainer()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(steps):
            trainer()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    trainer.probe.finish()  # type: ignore[attr-defined]
