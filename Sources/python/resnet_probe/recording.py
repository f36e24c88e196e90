"""The host side of one attempt: frames and metrics go in, a journal comes out."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from resnet_probe import background, wire
from resnet_probe.block_map_wire import MappedBlock
from resnet_probe.frame import Frame
from resnet_probe.journal import Drop, JournalWriter
from resnet_probe.limits import GREATEST_STEP
from resnet_probe.metric_buffer import MetricBuffer
from resnet_probe.notices import Notices, ProbeError
from resnet_probe.run import RunOpened, random_identity
from resnet_probe.spool import Spool, SpoolFolder

Status = Literal["completed", "failed"]
"""How an attempt ended."""

PERIOD = 0.25
"""How often the thread looks. Unit: seconds.

A frame waits for one such period at least, so it is in the journal half a second after its step
at the latest.
"""


@dataclass(slots=True)
class Counts:
    """What a recording did and could not do so far."""

    frames_written: int = 0
    """The frames in the journal."""
    frames_dropped: int = 0
    """The frames for which there was no room, or whose write failed."""
    metrics_dropped: int = 0
    """The metrics records dropped."""
    misuses: int = 0
    """The calls and values that could not be followed."""


class Recording:
    """The journal of one attempt on one rank.

    Called from the training thread; one daemon thread writes what waits. The frame of the step
    that ended last waits, so that a loss logged after the optimizer's step still enters it: it is
    written when something later comes, or after half a second at most. ``kill -9`` loses no more
    than that.

    No method raises, except a ProbeError where notices are strict; what cannot be written is
    dropped and counted. A forked child's copy does nothing and holds no lock on the journal.

    Args:
        opened: The run's opening.
        blocks: The block map.
        spool: The folder of journals.
        notices: Where to say what goes wrong.
        clock: A clock that only goes forward. Unit: seconds.
        wall_clock: The time of day. Unit: seconds since 1970.
        period: How often the thread looks, and how long a frame waits at least. Unit: seconds.
    """

    def __init__(
        self,
        opened: RunOpened,
        blocks: Sequence[MappedBlock],
        spool: Spool,
        notices: Notices,
        clock: Callable[[], float] = time.perf_counter,
        wall_clock: Callable[[], float] = time.time,
        period: float = PERIOD,
    ) -> None:
        self.counts = Counts()
        self._opened = opened
        self._block_count = len(blocks)
        self._notices = notices
        self._clock = clock
        self._wall_clock = wall_clock
        self._period = period
        self._process = os.getpid()
        # Reentrant: a signal handler that calls in here while this thread is inside must not wait
        # for itself.
        self._lock = threading.RLock()
        self._is_inside = False
        self._end: tuple[Status, int] | None = None
        self._is_finished = False
        self._waiting: Frame | None = None
        self._waiting_since = 0.0
        self._metrics = MetricBuffer()
        self._last_step = opened.first_step - 1
        self._dropped_since_frame = 0
        # What calls of the training thread cost since the frame before.
        self._cost = 0.0
        # What the thread could not raise.
        self._error: ProbeError | None = None
        self._folder: SpoolFolder | None = None
        self._journal: JournalWriter | None = None
        self._thread: threading.Thread | None = None
        # Held until the thread is to end.
        self._stop = threading.Lock()
        self._stop.acquire()
        self._open(blocks, spool)

    def put(self, frame: Frame) -> None:
        """Takes the frame of a step that ended; steps must rise.

        Its ``dropped_frames`` is set here, and what calls of this recording cost the training
        thread is added to its ``recorder_seconds``.
        """
        with self._entered("a frame") as is_open:
            if not is_open:
                return
            if not self._last_step < frame.step <= GREATEST_STEP:
                self._misuse(
                    "step order",
                    f"the frame of step {frame.step} does not come after step {self._last_step}"
                    " and was passed over; steps count upwards",
                )
                return
            self._write_waiting()
            self._last_step = frame.step
            self._metrics.move_into(frame)
            frame.recorder_seconds += self._cost
            self._cost = 0.0
            self._waiting_since = self._clock()
            self._waiting = frame

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes numbers of a step under keys of 1 to 256 bytes; the last of a key stands.

        "loss" is also the loss of the step's frame, if that is still to come or waits. Numbers of
        a step without a frame are gathered and written by the thread. Values are numbers already:
        nothing here may wait for a device.
        """
        with self._entered("metrics") as is_open:
            if not is_open:
                return
            if not 0 <= step <= GREATEST_STEP:
                self._misuse(
                    "metric step", f"metrics of step {step} were passed over; steps count from 0"
                )
                return
            if self._waiting is not None and step > self._waiting.step:
                self._write_waiting()
            passed_over = self._metrics.take(step, values, self._waiting)
            if passed_over:
                self._misuse(
                    "metric",
                    "a metric was passed over; a key takes 1 to 256 bytes, a value is a number and"
                    " a step has 4,096 metrics",
                    passed_over,
                )
            if self._metrics.is_full:
                self._write_metrics()

    def count_dropped(self, frames: int = 1) -> None:
        """Counts frames that never came to be: measured steps that were given up."""
        with self._entered("a dropped frame") as is_open:
            if is_open:
                self.counts.frames_dropped += frames
                self._dropped_since_frame += frames

    def flush(self) -> None:
        """Writes what waits."""
        with self._entered("a flush") as is_open:
            if is_open:
                self._write_waiting()
                self._write_metrics()

    def finish(self, status: Status, last_step: int) -> None:
        """Writes what waits and the attempt's end, which no limit of the spool keeps out.

        Later calls are passed over. ``last_step`` is the last optimizer step, measured or not.
        """
        self._end = self._end or (status, last_step)
        with self._entered("an end"):
            pass

    def look(self) -> None:
        """Writes what has waited long enough; for the thread, which nothing is raised in."""
        if self._process != os.getpid():
            return
        with self._lock:
            if self._is_finished:
                return
            try:
                if self._clock() - self._waiting_since >= self._period:
                    self._write_waiting()
                self._write_metrics()
            except ProbeError as error:
                self._error = error
            except Exception as problem:
                self._write_failed(problem)

    def leave(self) -> None:
        """Writes what waits and ends the thread, since the process ends.

        A thread that is stopped within a write when Python ends would keep the lock, and whatever
        calls in here after that would wait for ever.
        """
        try:
            self.flush()
        finally:
            if self._process == os.getpid() and self._thread is not None:
                self._stop_thread()
                self._thread.join(timeout=1)

    def abandon(self) -> None:
        """Makes a forked child's copy inert, so that it keeps no lock on the parent's journal."""
        self._process = -1
        self._close()

    @contextmanager
    def _entered(self, what: str) -> Iterator[bool]:
        """Holds the lock around a call of the training thread; yields whether to go on."""
        if self._process != os.getpid():
            yield False
            return
        start = self._clock()
        with self._lock:
            if self._is_inside:
                # Its end is made when the call that it came into returns.
                if self._end is None:
                    self._misuse(
                        "within",
                        f"a call with {what} came from a signal handler within another call and"
                        " was passed over",
                    )
                yield False
                return
            self._is_inside = True
            try:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                yield not self._is_finished
            except ProbeError:
                if self._notices.strict:
                    raise
            except Exception as problem:
                self._notices.say(
                    f"{type(problem).__name__} in {what}",
                    f"{what} was passed over: {type(problem).__name__}: {problem}; please report"
                    " this",
                )
            finally:
                try:
                    self._finish_if_asked()
                finally:
                    self._is_inside = False
                    self._cost += max(0.0, self._clock() - start)

    def _open(self, blocks: Sequence[MappedBlock], spool: Spool) -> None:
        try:
            self._folder = SpoolFolder(spool)
            self._journal = JournalWriter(random_identity(), self._folder, self._opened, blocks)
        except ProbeError as error:
            if self._notices.strict:
                raise
            self._notices.say("open", f"{error}; nothing is recorded")
        except Exception as problem:
            self._notices.say(
                "open",
                f"cannot open a journal: {type(problem).__name__}: {problem}; nothing is recorded;"
                " please report this",
            )
        background.keep(self)
        if self._journal is None:
            return
        try:
            self._thread = background.start(self, self._stop, self._period)
        except RuntimeError as error:
            self._notices.say(
                "thread",
                f"cannot start a thread: {error}; what waits is written with what comes next",
            )

    def _write_failed(self, problem: Exception) -> None:
        try:
            self._notices.say(
                "thread",
                f"what waited was dropped: {type(problem).__name__}: {problem}; please report this",
            )
        except ProbeError as error:
            self._error = error

    def _write_waiting(self) -> None:
        frame, self._waiting = self._waiting, None
        if frame is None:
            return
        frame.dropped_frames = self._dropped_since_frame
        self._dropped_since_frame += 1
        self.counts.frames_dropped += 1
        self._write_metrics(before=frame.step)
        try:
            payload = wire.frame_record(frame, self._block_count)
        except Exception as problem:
            self._notices.say(
                "frame",
                f"the frame of step {frame.step} was dropped: {type(problem).__name__}: {problem};"
                " please report this",
            )
            return
        drop = self._append([payload])
        if drop is None:
            self._dropped_since_frame = 0
            self.counts.frames_dropped -= 1
            self.counts.frames_written += 1
        else:
            self._say(drop)

    def _write_metrics(self, before: int | None = None) -> None:
        for batch in self._metrics.batches(before):
            drop = self._append([wire.metrics_record(step, metrics) for step, metrics in batch])
            if drop is not None:
                self.counts.metrics_dropped += len(batch)
                self._say(drop)

    def _append(self, payloads: list[bytes], beyond_limit: bool = False) -> Drop | None:
        if self._journal is None:
            return _CLOSED
        return self._journal.append(payloads, beyond_limit)

    def _say(self, drop: Drop) -> None:
        if drop is not _CLOSED:
            self._notices.say(drop.cause, drop.message)

    def _misuse(self, cause: str, message: str, count: int = 1) -> None:
        self.counts.misuses += count
        self._notices.say(cause, message)

    def _finish_if_asked(self) -> None:
        if self._end is None or self._is_finished:
            return
        self._is_finished = True
        self._stop_thread()
        status, last_step = self._end
        try:
            try:
                self._write_waiting()
                self._write_metrics()
            finally:
                self._write_end(status, last_step)
        except ProbeError:
            raise
        except Exception as problem:
            self._notices.say(
                "end",
                f"an end was passed over: {type(problem).__name__}: {problem}; please report this",
            )
        finally:
            self._close()

    def _stop_thread(self) -> None:
        if self._stop.locked():
            self._stop.release()

    def _write_end(self, status: Status, last_step: int) -> None:
        payload = wire.finished_record(
            status == "completed", self._wall_clock(), last_step, self.counts.frames_dropped
        )
        drop = self._append([payload], beyond_limit=True)
        if drop is not None:
            self._say(drop)

    def _close(self) -> None:
        """Closes both descriptors without a lock."""
        journal, self._journal = self._journal, None
        folder, self._folder = self._folder, None
        if journal is not None:
            journal.close()
        if folder is not None:
            folder.close()

    def __del__(self) -> None:
        try:
            self.flush()
        except Exception:
            # Nobody is there to hear of it.
            return
        finally:
            self._close()


_CLOSED = Drop("closed", "the journal is closed")
