"""A probe: one network's recorder, from `attach` to `finish`."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal

from resnet_probe.blocks import BlockMap
from resnet_probe.training.step_loop import StepLoop


class Probe:
    """Records one network's blocks while it trains; `resnet_probe.attach` makes it.

    Used from the training thread. No method raises into training (in strict mode all do). Without a
    loop (mode "disabled", or what is not supported) every call does nothing.
    """

    def __init__(self, run_id: bytes, loop: StepLoop | None) -> None:
        self._run_id = run_id
        self._loop = loop

    def __reduce__(self) -> tuple[type[Probe], tuple[bytes, None]]:
        """Copies of a probe record nothing: a network that holds its probe can be copied."""
        return Probe, (self._run_id, None)

    @property
    def run(self) -> str:
        """The run's identity, 32 hexadecimal digits: what `id=` takes to resume the run.

        Of several processes it is rank 0's: the others wait for it here, 10 seconds at most.
        """
        return (self._loop.ranks.known_run() if self._loop is not None else self._run_id).hex()

    @property
    def blocks(self) -> BlockMap | None:
        """The blocks that are recorded; None until they are found."""
        return self._loop.blocks if self._loop is not None else None

    @property
    def is_recording(self) -> bool:
        """Whether steps are being recorded."""
        return self._loop is not None and self._loop.is_recording

    @property
    def next_step(self) -> int | None:
        """The step that comes next, or that is under way: what `step=` takes where the run goes on.

        None where nothing is recorded.
        """
        return self._loop.next_step if self._loop is not None else None

    def log(self, values: Mapping[str, Any] | None = None, **metrics: Any) -> None:
        """Logs numbers for the step whose forward ran last: `probe.log(loss=loss, accuracy=…)`.

        "loss" is the step's training loss. Tensors of one element that lie on a GPU are kept there,
        and read once a copy of them has come.
        """
        if self._loop is not None and not self._loop.is_finished:
            self._loop.guard(self._loop.log, values, metrics)

    def step(self) -> None:
        """Ends a step where no optimizer tells of it."""
        if self._loop is not None and not self._loop.is_finished:
            self._loop.guard(self._loop.end_step)

    def finish(self, status: Literal["completed", "failed"] = "completed") -> None:
        """Ends the attempt and leaves network, optimizers and scaler as they were.

        Where journals are delivered to another host it waits at most `RESNET_PROBE_FINISH_WAIT`
        seconds for what is left. Later calls do nothing.
        """
        if self._loop is not None and not self._loop.is_finished:
            self._loop.finish(status)
            self._loop.await_delivery()

    def detach(self) -> None:
        """The same as `finish()`."""
        self.finish()

    def __enter__(self) -> Probe:  # noqa: PYI034  (typing.Self is of Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        is_exit = isinstance(error, SystemExit) and error.code in (None, 0)
        self.finish("completed" if kind is None or is_exit else "failed")


def loop_of(probe: Probe) -> StepLoop | None:
    """The steps that a probe watches, for the package's callbacks; None where it watches none."""
    return probe._loop
