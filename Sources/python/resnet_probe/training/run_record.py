"""Where the frames of one run go: they wait for their numbers, and for the run to be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.delivery.process import JournalDelivery, deliver
from resnet_probe.journal.recording import Recording
from resnet_probe.journal.run import open_run
from resnet_probe.measuring.device_metrics import DeviceMetrics, number_in
from resnet_probe.measuring.step import MeasuredStep
from resnet_probe.notices import Notices
from resnet_probe.settings import Settings
from resnet_probe.summary import MOST_NAMES
from resnet_probe.training.agreed_blocks import AgreedBlocks
from resnet_probe.training.guard import Guard
from resnet_probe.training.ranks import PATIENCE, Ranks

#: The most calls of `log` that are kept until the run is opened.
MOST_EARLY = 1000
#: The most measured steps that wait until rank 0 has told which run they are of.
MOST_WAITING = 100

#: Recordings of attempts that have not ended: a collector that finds network, probe and recording
#: in one cycle may not close the journal before its end is written.
_unfinished: set[Recording] = set()


class RunRecord:
    """The record of one attempt on this rank, from the first training forward to its end.

    It opens when the blocks are known and, on other ranks than 0, once rank 0's identity is: the
    frames of steps before that wait. Used from the training thread.
    """

    def __init__(self, settings: Settings, notices: Notices, ranks: Ranks, guard: Guard) -> None:
        self.is_given_up = False
        self.last_loss: float | None = None  # logged, as far as it has come
        self._settings = settings
        self._notices = notices
        self._ranks = ranks
        self._guard = guard
        self._first_step = 0
        self._counts_alike = True  # whether steps have the numbers that rank 0 gives them
        self._blocks: BlockMap | None = None  # of this rank
        self._agreed: AgreedBlocks | None = None  # of the run
        self._recording: Recording | None = None
        self._delivery: JournalDelivery | None = None
        self._in_flight: list[MeasuredStep] = []
        self._metrics = DeviceMetrics()
        self._early: list[tuple[int, dict[str, Any]]] = []  # logged before the run was opened

    @property
    def is_open(self) -> bool:
        """Whether frames are written, as far as is known."""
        return not self.is_given_up and (self._recording is None or self._recording.is_open)

    @property
    def recording(self) -> Recording | None:
        """Where records go; None before the run is opened."""
        return self._recording

    def begin(self, first_step: int) -> None:
        """The attempt begins with this step."""
        self._first_step = first_step
        self._ranks.join()
        self._ranks.begin(first_step)
        self._counts_alike = self._ranks.is_first

    def open(self, blocks: BlockMap) -> None:
        """The blocks are known: opens the journal as soon as the run is known too."""
        if len(blocks) and self._blocks is None:
            self._blocks = blocks
            if self._ranks.is_first:
                agreed = AgreedBlocks.own(blocks)
                self._ranks.open(agreed.told())
                self._open(agreed)

    def settle(self, *, patience: float = 0.0) -> int:
        """Asks for what rank 0 tells, where that is awaited.

        Returns how many steps rank 0 is ahead in counting: what waits is numbered anew.
        """
        if self._recording is not None or self.is_given_up or self._ranks.is_first:
            return 0
        ahead = self._renumber()
        if self._blocks is None:
            return ahead
        told = self._ranks.hear_blocks(patience=patience)
        if told is not None:
            ahead += self._renumber()
            self._open_agreed(AgreedBlocks.heard(told, self._blocks))
        elif patience > 0 or len(self._in_flight) > MOST_WAITING:
            self._give_up(
                "rank 0 does not tell which run this is: call attach on every rank, for the same"
                " networks in the same order"
            )
        return ahead

    def put(self, step: MeasuredStep) -> None:
        """Takes a measured step; its frame is written once its numbers have come."""
        self._in_flight.append(step)

    def start_metrics(self) -> None:
        """Starts the copy of what was logged from a device."""
        self._metrics.start()

    def deliver(self, *, wait: bool = False) -> None:
        """Hands finished frames to the recording, oldest first."""
        while self._in_flight and self._recording is not None:
            step = self._in_flight[0]
            if not wait and not step.is_ready():
                break
            self._in_flight.pop(0)
            frame = step.frame()
            if self._agreed is not None:
                frame.blocks = self._agreed.placed(frame.blocks)
            frame.recorder_seconds, self._guard.seconds = self._guard.seconds, 0.0
            self._recording.put(frame)
        if self._recording is not None:
            for number, values in self._metrics.ready(wait=wait):
                self.last_loss = values.get("loss", self.last_loss)
                self._recording.log(number, values)

    def log(self, number: int, values: Mapping[str, Any]) -> None:
        """Takes numbers of a step; tensors on a device are read once a copy has come."""
        if self.is_given_up:
            return
        ready: dict[str, Any] = {}
        later: dict[str, torch.Tensor] = {}
        for key, value in values.items():
            number_of = number_in(value)
            if isinstance(number_of, torch.Tensor):
                later[key] = number_of
            else:
                ready[key] = number_of
        if isinstance(ready.get("loss"), float):
            self.last_loss = ready["loss"]
        if later:
            self._metrics.add(number, later)
            if any(step.number == number for step in self._in_flight):
                self._metrics.start()  # so that a loss still reaches the frame of its step
        if ready and self._recording is not None:
            self._recording.log(number, ready)
        elif ready and len(self._early) < MOST_EARLY:
            self._early.append((number, ready))

    def finish(self, status: Literal["completed", "failed"], last_step: int) -> None:
        """Writes what waits and the attempt's end."""
        try:
            last_step += self.settle(patience=PATIENCE if self._in_flight else 0.0)
            self._metrics.start()
            self.deliver(wait=True)
        finally:  # whatever a device says: the attempt ends
            if self._recording is not None:
                self._recording.finish(status, max(self._first_step, last_step))
                _unfinished.discard(self._recording)
            if self._delivery is not None:
                self._delivery.end()

    def await_delivery(self) -> None:
        """Waits a while for what is left to deliver, once the attempt has ended."""
        if self._delivery is not None:
            self._delivery.finish()

    def _open(self, agreed: AgreedBlocks) -> None:
        settings, ranks = self._settings, self._ranks
        opened = open_run(
            settings.name, self._notices, project=settings.project, run=ranks.run,
            attempt=ranks.attempt, config=settings.config, recipe=settings.recipe,
            first_step=self._first_step, planned_steps=settings.planned_steps, rank=ranks.rank, world_size=ranks.world_size,
        )  # fmt: skip
        self._agreed = agreed
        spool = settings.environment.spool
        self._recording = Recording(opened, agreed.blocks, spool, self._notices)
        _unfinished.add(self._recording)
        self._delivery = deliver(self._recording.journal, settings.environment)
        early, self._early = self._early, []
        for number, values in early:
            self._recording.log(number, values)

    def _open_agreed(self, agreed: AgreedBlocks) -> None:
        if not agreed.places:
            self._give_up(f"none of its blocks is rank 0's ({_names(agreed.strange)})")
            return
        remedy = "give attach(example=…), so that all are found on every rank"
        for names, words in (
            (agreed.strange, "blocks that rank 0 did not find are left out here"),
            (agreed.lacking, "blocks of rank 0 that were not found here are left out"),
        ):
            if names:
                self._notices.say(words, f"{words} ({_names(names)}): {remedy}")
        self._open(agreed)

    def _renumber(self) -> int:
        """Counts as rank 0 does, once that is heard; what it does not measure then is left out."""
        told = None if self._counts_alike else self._ranks.hear_first_step()
        if told is None:
            return 0
        self._counts_alike = True
        ahead = told - self._first_step
        if ahead:
            self._first_step = told
            schedule, planned = self._settings.schedule, self._settings.planned_steps
            for step in self._in_flight:
                step.number += ahead
            self._in_flight = [s for s in self._in_flight if schedule.measures(s.number, planned)]
            self._early = [(number + ahead, values) for number, values in self._early]
            self._metrics.renumber(ahead)
        return ahead

    def _give_up(self, why: str) -> None:
        self.is_given_up = True
        self._in_flight.clear()
        self._early.clear()
        self._metrics = DeviceMetrics()
        self._notices.say("rank 0", f"nothing is recorded here: {why}")


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMES])
