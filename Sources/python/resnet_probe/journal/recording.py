"""The host side of one attempt: frames and metrics go in, a journal comes out."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from resnet_probe.journal import background
from resnet_probe.journal.ablation_wire import Ablation
from resnet_probe.journal.attempt import Attempt, Counts, unforeseen
from resnet_probe.journal.block_map_wire import MappedBlock
from resnet_probe.journal.frame import Frame
from resnet_probe.journal.head_wire import ExaminationHead
from resnet_probe.journal.removal_order_wire import RemovalOrder
from resnet_probe.journal.reuse_wire import Reuse
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.similarity_wire import Similarity
from resnet_probe.journal.spool import Spool
from resnet_probe.notices import Notices, ProbeError

Status = Literal["completed", "failed"]
"""How an attempt ended."""

PERIOD = 0.25
"""How often the thread looks. Unit: seconds.

A frame waits for one such period at least, so it is in the journal half a second after its step
at the latest.
"""


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
        self._process = -1
        self._notices = notices
        self._clock = clock
        self._period = period
        # Reentrant: a signal handler that calls in here while this thread is inside must not wait
        # for itself.
        self._lock = threading.RLock()
        self._is_inside = False
        self._end: tuple[Status, int] | None = None
        self._is_finished = False
        self._waiting_since = 0.0
        # What calls of the training thread cost since the frame before.
        self._cost = 0.0
        # What the thread could not raise.
        self._error: ProbeError | None = None
        # Held until the thread is to end.
        self._stop = threading.Lock()
        self._stop.acquire()
        self._thread: threading.Thread | None = None
        self._attempt = Attempt(opened, blocks, spool, notices, wall_clock)
        self._process = os.getpid()
        background.keep(self)
        if self._attempt.is_open:
            self._start_thread()

    @property
    def is_open(self) -> bool:
        """Whether there is a journal to write to; where there is none a notice said why."""
        return self._attempt.is_open

    @property
    def journal(self) -> str | None:
        """The journal's identity, 32 hexadecimal digits; None where none could be opened."""
        return self._attempt.journal

    @property
    def counts(self) -> Counts:
        """What was written, dropped and misused so far."""
        return self._attempt.counts

    def put(self, frame: Frame) -> None:
        """Takes the frame of a step that ended; steps must rise.

        Its ``dropped_frames`` is set here, and what calls of this recording cost the training
        thread is added to its ``recorder_seconds``.
        """
        with self._entered("a frame") as is_open:
            if is_open and self._attempt.put(frame):
                frame.recorder_seconds += self._cost
                self._cost = 0.0
                self._waiting_since = self._clock()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Takes numbers of a step under keys of 1 to 256 bytes; the last of a key stands.

        "loss" is also the loss of the step's frame, if that is still to come or waits. Numbers of
        a step without a frame are gathered and written by the thread. Values are numbers already:
        nothing here may wait for a device.
        """
        with self._entered("metrics") as is_open:
            if is_open:
                self._attempt.log(step, values)

    def put_ablation(self, ablation: Ablation) -> None:
        """Writes an ablation at once: ``kill -9`` loses none that this returned of."""
        with self._entered("an ablation") as is_open:
            if is_open:
                self._attempt.put_ablation(ablation)

    def put_removal_order(self, head: ExaminationHead, order: RemovalOrder) -> None:
        """Writes an order of removal, or a part of one, at once."""
        with self._entered("a removal order") as is_open:
            if is_open:
                self._attempt.put_removal_order(head, order)

    def put_similarities(
        self, head: ExaminationHead, pairs: Sequence[Similarity], reuse: Sequence[Reuse]
    ) -> None:
        """Writes at once how alike blocks are, and what dense ones read; as `put_ablation` does."""
        with self._entered("similarities") as is_open:
            if is_open:
                self._attempt.put_similarities(head, pairs, reuse)

    def count_dropped(self, frames: int = 1) -> None:
        """Counts frames that never came to be: measured steps that were given up."""
        with self._entered("a dropped frame") as is_open:
            if is_open:
                self._attempt.count_dropped(frames)

    def flush(self) -> None:
        """Writes what waits."""
        with self._entered("a flush") as is_open:
            if is_open:
                self._attempt.write_waiting()
                self._attempt.write_metrics()

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
                    self._attempt.write_waiting()
                self._attempt.write_metrics()
            except ProbeError as error:
                self._error = error
            except Exception as problem:
                self._keep_error("thread", f"what waited was dropped: {unforeseen(problem)}")

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
        self._attempt.close()

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
                    self._attempt.misuse(
                        "within",
                        f"a call with {what} came from a signal handler within another call and"
                        " was passed over",
                    )
                yield False
                return
            self._is_inside = True
            try:
                self._raise_kept_error()
                yield not self._is_finished
            except ProbeError:
                # Only strict notices raise one.
                raise
            except Exception as problem:
                self._notices.say(
                    f"{type(problem).__name__} in {what}",
                    f"{what} was passed over: {unforeseen(problem)}",
                )
            finally:
                try:
                    self._finish_if_asked()
                finally:
                    self._is_inside = False
                    self._cost += max(0.0, self._clock() - start)

    def _finish_if_asked(self) -> None:
        if self._end is None or self._is_finished:
            return
        self._is_finished = True
        self._stop_thread()
        status, last_step = self._end
        try:
            self._attempt.finish(status == "completed", last_step)
        except ProbeError:
            raise
        except Exception as problem:
            self._notices.say("end", f"an end was passed over: {unforeseen(problem)}")

    def _keep_error(self, cause: str, message: str) -> None:
        """Says what went wrong in the thread, or keeps it for the next call of the training's."""
        try:
            self._notices.say(cause, message)
        except ProbeError as error:
            self._error = error

    def _raise_kept_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _start_thread(self) -> None:
        try:
            self._thread = background.start(self, self._stop, self._period)
        except RuntimeError as error:
            self._notices.say(
                "thread",
                f"cannot start a thread: {error}; what waits is written with what comes next",
            )

    def _stop_thread(self) -> None:
        if self._stop.locked():
            self._stop.release()

    def __del__(self) -> None:
        # Not there where its opening was refused.
        if not hasattr(self, "_attempt"):
            return
        try:
            self.flush()
        except Exception:
            # Nobody is there to hear of it.
            return
        finally:
            self._attempt.close()
