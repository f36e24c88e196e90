"""What of one attempt waits, what is written, and what could not be."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resnet_probe.journal import wire
from resnet_probe.journal.ablation_wire import Ablation, ablation_record
from resnet_probe.journal.block_map_wire import MappedBlock
from resnet_probe.journal.frame import Frame
from resnet_probe.journal.head_wire import ExaminationHead
from resnet_probe.journal.journal import Drop, JournalWriter
from resnet_probe.journal.limits import GREATEST_STEP
from resnet_probe.journal.metric_buffer import MetricBuffer
from resnet_probe.journal.removal_order_wire import RemovalOrder, removal_order_record
from resnet_probe.journal.reuse_wire import Reuse, reuse_record
from resnet_probe.journal.run import RunOpened, random_identity
from resnet_probe.journal.similarity_wire import Similarity, similarity_record
from resnet_probe.journal.spool import Spool, SpoolFolder
from resnet_probe.notices import Notices, ProbeError


@dataclass(slots=True)
class Counts:
    """What a recording did and could not do so far."""

    frames_written: int = 0
    """The frames in the journal."""
    frames_dropped: int = 0
    """The frames given up, for which there was no room, or whose write failed."""
    metrics_dropped: int = 0
    """The metrics records dropped."""
    misuses: int = 0
    """The calls and values that could not be followed."""


class Attempt:
    """One attempt on one rank: the frame and the metrics that wait, and the journal they go to.

    For one thread at a time. Where the journal cannot be opened everything is dropped and
    counted. Nothing but a ProbeError of strict notices is raised for what the system refuses.

    Args:
        opened: The run's opening.
        blocks: The block map.
        spool: The folder of journals.
        notices: Where to say what goes wrong.
        wall_clock: The time of day. Unit: seconds since 1970.

    Raises:
        ProbeError: Where the journal cannot be opened and notices are strict.
    """

    def __init__(
        self,
        opened: RunOpened,
        blocks: Sequence[MappedBlock],
        spool: Spool,
        notices: Notices,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = Counts()
        self._block_count = len(blocks)
        self._notices = notices
        self._wall_clock = wall_clock
        self._waiting: Frame | None = None
        self._metrics = MetricBuffer()
        self._last_step = opened.first_step - 1
        self._dropped_since_frame = 0
        self._folder: SpoolFolder | None = None
        self._journal: JournalWriter | None = None
        self.journal: str | None = None
        """The journal's identity, 32 hexadecimal digits; None where none could be opened."""
        try:
            self._folder = SpoolFolder(spool)
            identity = random_identity()
            self._journal = JournalWriter(identity, self._folder, opened, blocks)
            self.journal = identity.hex()
        except ProbeError as error:
            notices.say("open", f"{error}; nothing is recorded")
        except Exception as problem:
            notices.say("open", f"cannot open a journal: {unforeseen(problem)}")

    @property
    def is_open(self) -> bool:
        """Whether there is a journal to write to."""
        return self._journal is not None

    def put(self, frame: Frame) -> bool:
        """Takes the frame of a step that ended, which waits; whether its step was one to take."""
        if not self._last_step < frame.step <= GREATEST_STEP:
            self.misuse(
                "step order",
                f"the frame of step {frame.step} does not come after step {self._last_step} and"
                " was passed over; steps count upwards",
            )
            return False
        self.write_waiting()
        self._last_step = frame.step
        self._metrics.move_into(frame)
        self._waiting = frame
        return True

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes a step's numbers: into its frame if that waits, else as metrics."""
        if not 0 <= step <= GREATEST_STEP:
            self.misuse(
                "metric step", f"metrics of step {step} were passed over; steps count from 0"
            )
            return
        if self._waiting is not None and step > self._waiting.step:
            self.write_waiting()
        passed_over = self._metrics.take(step, values, self._waiting)
        if passed_over:
            self.misuse(
                "metric",
                "a metric was passed over; a key takes 1 to 256 bytes, a value is a number and a"
                " step has 4,096 metrics",
                passed_over,
            )
        if self._metrics.is_full:
            self.write_metrics()

    def put_ablation(self, ablation: Ablation) -> None:
        """Writes an ablation, before what waits."""
        self._put([ablation_record(ablation)])

    def put_removal_order(self, head: ExaminationHead, order: RemovalOrder) -> None:
        """Writes an order of removal, or a part of one, before what waits."""
        self._put([removal_order_record(head, order)])

    def _put(self, payloads: list[bytes]) -> None:
        drop = self._append(payloads)
        if drop is not None:
            self._say(drop)

    def put_similarities(
        self, head: ExaminationHead, pairs: Sequence[Similarity], reuse: Sequence[Reuse]
    ) -> None:
        """Writes how alike blocks are, a record for each earlier block, and what dense ones read."""
        by_first: dict[int, list[Similarity]] = {}
        for pair in pairs:
            if not pair.is_empty:
                by_first.setdefault(pair.first, []).append(pair)
        payloads = [similarity_record(head, one) for one in by_first.values()]
        payloads += [reuse_record(head, one) for one in reuse]
        for payload in payloads:  # many at once may be more than a segment holds
            drop = self._append([payload])
            if drop is not None:
                self._say(drop)

    def count_dropped(self, frames: int) -> None:
        """Counts frames for the next one that is written and for the end."""
        self.counts.frames_dropped += frames
        self._dropped_since_frame += frames

    def misuse(self, cause: str, message: str, count: int = 1) -> None:
        """Counts what could not be followed, and says so."""
        self.counts.misuses += count
        self._notices.say(cause, message)

    def write_waiting(self) -> None:
        """Writes the frame that waits, after the metrics of steps before it."""
        frame, self._waiting = self._waiting, None
        if frame is None:
            return
        frame.dropped_frames = self._dropped_since_frame
        # Dropped until it is written, whatever goes wrong on the way.
        self.count_dropped(1)
        self.write_metrics(before=frame.step)
        try:
            payload = wire.frame_record(frame, self._block_count)
        except Exception as problem:
            self._notices.say(
                "frame", f"the frame of step {frame.step} was dropped: {unforeseen(problem)}"
            )
            return
        drop = self._append([payload])
        if drop is None:
            self._dropped_since_frame = 0
            self.counts.frames_dropped -= 1
            self.counts.frames_written += 1
        else:
            self._say(drop)

    def write_metrics(self, before: int | None = None) -> None:
        """Writes the metrics that wait, or those of steps before one."""
        for batch in self._metrics.batches(before):
            drop = self._append([wire.metrics_record(step, metrics) for step, metrics in batch])
            if drop is not None:
                self.counts.metrics_dropped += len(batch)
                self._say(drop)

    def finish(self, completed: bool, last_step: int) -> None:
        """Writes what waits and the end, which no limit of the spool keeps out, and closes."""
        try:
            try:
                self.write_waiting()
                self.write_metrics()
            finally:
                self._write_end(completed, last_step)
        finally:
            self.close()

    def close(self) -> None:
        """Closes what is open. Takes no lock."""
        journal, self._journal = self._journal, None
        folder, self._folder = self._folder, None
        if journal is not None:
            journal.close()
        if folder is not None:
            folder.close()

    def _write_end(self, completed: bool, last_step: int) -> None:
        payload = wire.finished_record(
            completed, self._wall_clock(), last_step, self.counts.frames_dropped
        )
        drop = self._append([payload], beyond_limit=True)
        if drop is not None:
            self._say(drop)

    def _append(self, payloads: list[bytes], beyond_limit: bool = False) -> Drop | None:
        if self._journal is None:
            return _CLOSED
        return self._journal.append(payloads, beyond_limit)

    def _say(self, drop: Drop) -> None:
        # That it could not be opened was said then.
        if drop is not _CLOSED:
            self._notices.say(drop.cause, drop.message)


_CLOSED = Drop("closed", "the journal is closed")


def unforeseen(problem: Exception) -> str:
    """The end of a notice about an error that should not have come up."""
    return f"{type(problem).__name__}: {problem}; please report this"
