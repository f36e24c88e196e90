"""A probe: one network's recorder, from `attach` to `finish`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.examining.examination import Examination
from resnet_probe.examining.examine import examine_in
from resnet_probe.examining.options import Options
from resnet_probe.examining.plan import Chosen
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

    def examine(
        self, model: torch.nn.Module, batches: Iterable[Any],
        loss_fn: Callable[[Any, Any], Any] | None = None, *, samples: int = 1024,
        blocks: Chosen = None, together: Sequence[Iterable[str | int]] = (),
        confidence: float = 0.95, seconds: float | None = None, progress: bool = True,
        error_fn: Callable[[Any, Any], Any] | None = None,
        forward: Callable[[torch.nn.Module, Any], Any] | None = None,
        similarity: bool = True, curve: bool = True,
    ) -> Examination | None:  # fmt: skip
        """Removes blocks, one alone and several together, and measures what that does to the loss.

        On a fixed probe set, in eval mode, without gradients: what training goes on with (modes,
        buffers, generators, gradients, the step that is recorded next) stays as it is, bit for bit.
        Costs one pass over the probe set a block, and the curve three to five more; says so before
        it starts. Ctrl-C stops it; the same call again, also in another process that goes on with
        the run, measures what is missing. Call it between steps; of several processes rank 0
        examines. The article "Examine" has more.

        Args:
            model: The attached network.
            batches: A loader, or batches; (input, target), or mappings of keywords with labels. Its
                first rows are read once and kept on the CPU.
            loss_fn: Of the output and the target; the loss that the network itself returns where
                none is given. A sample's loss is its own: functions of whole batches run on rows.
            samples: How many rows the probe set has.
            blocks: Which: names or patterns, ordinals, a function of a block; all by default.
            together: Sets of blocks to remove together too, each of names or ordinals.
            confidence: Of each bound, one-sided.
            seconds: Stop after that long; what was measured stays measured.
            progress: Say what it costs, and draw a bar where standard error is a terminal.
            error_fn: The error of an output and a target, 0 to 1; by default where the greatest
                logit is not the target's.
            forward: How to call the network on a batch, where it is not `model(*inputs)`.
            similarity: Measure in the untouched pass too how alike blocks are: span distances, CKA
                and what dense blocks reuse.
            curve: Remove sets of the chosen blocks too: proposed ones, and ever more blocks in a
                greedy order, the deepest first, and at random.

        Returns:
            What was measured, which prints as a table; None where nothing could be, with one line.
        """
        if self._loop is None:
            return None
        options = Options(
            samples, blocks, together, confidence, seconds, progress, error_fn, forward, similarity,
            curve,
        )  # fmt: skip
        return examine_in(self._loop, model, batches, loss_fn, options)

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
