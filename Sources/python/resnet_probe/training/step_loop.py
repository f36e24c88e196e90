"""Which step is under way, and what is recorded of it: told by a network and its optimizers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.examining.subject import Subject
from resnet_probe.measuring.block_parameters import ParameterPasses
from resnet_probe.measuring.step import MeasuredStep
from resnet_probe.notices import Notices
from resnet_probe.selection import Selector, selected
from resnet_probe.settings import Settings, mask_of
from resnet_probe.sharding import has_sharded
from resnet_probe.training.compilation import CAN_FOLLOW, has_compiled
from resnet_probe.training.entrance import HIDDEN
from resnet_probe.training.guard import Guard
from resnet_probe.training.hidden_steps import WORDS, HiddenSteps
from resnet_probe.training.model_watch import ModelWatch
from resnet_probe.training.ranks import Ranks
from resnet_probe.training.run_record import RunRecord
from resnet_probe.training.spoken import MOST_FORWARDS, NO_STEP, Spoken
from resnet_probe.training.steps import UpdateWatch, first_step, learning_rate, unknown_scale
from resnet_probe.training.unsupported import why_not_now

#: Every how many measured steps the absorbed fraction is counted, from the first on.
ABSORBED_EVERY = 10
#: The most micro-batches of one step that are measured; a step has the first of them.
MOST_MICRO_BATCHES = 256


class StepLoop:
    """One training as its steps: where each begins and ends, what is measured, where frames go.

    Watches the network and its optimizers until `detach`, in the training thread; both tell it
    through hooks, which a guard keeps from raising into training.
    """

    def __init__(
        self, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer], scaler: object,
        settings: Settings, notices: Notices, ranks: Ranks, blocks: BlockMap | None,
        selector: Selector | None, entrance: torch.nn.Module,
    ) -> None:  # fmt: skip
        self.guard = Guard(notices)
        self.is_finished = False
        #: How an attempt ended that nobody finished.
        self.left_as: Literal["completed", "failed"] = "completed"
        self._process = os.getpid()
        self._settings = settings
        self._notices = notices
        self.ranks = ranks
        self._selector = selector
        self._record = RunRecord(settings, notices, ranks, self.guard)
        self._step: int | None = None  # the one under way; None before the first forward
        self._is_open = False
        self._is_measured = False
        self._measured: MeasuredStep | None = None
        self._stepped: set[int] = set()  # optimizers that stepped since the step began
        self._forwards = 0  # training passes of the step under way
        self._awaits_closure = False  # an optimizer steps and will run forward and backward itself
        self._closure_has_run = False  # the same optimizer's step still runs
        self._measured_steps = 0
        self._spoken = Spoken(notices, settings.name, ranks)
        self._has_looked = False  # for compiled code that hides the network
        self._missed = 0  # steps that ended before the first forward that was seen
        self._parameters: ParameterPasses | None = None
        self._hidden = HiddenSteps(optimizers)
        self._updates = UpdateWatch(optimizers, scaler, self, self.guard)
        self._optimizers = self._updates.optimizers
        self._watch = ModelWatch(
            model, self, self.guard, detail=settings.detail, sample_axis=settings.sample,
            mask_of=lambda args, kwargs: mask_of(settings.mask, args, kwargs), blocks=blocks,
            entrance=entrance, say=notices.say, memory=settings.memory,
            chosen=selector if isinstance(selector, Mapping) else None,
        )  # fmt: skip

    @property
    def blocks(self) -> BlockMap | None:
        """The blocks that are recorded; None until they are found."""
        return self._watch.blocks

    @property
    def is_recording(self) -> bool:
        """Whether there is something to record, as far as is known."""
        has_blocks = self.blocks is None or len(self.blocks) > 0
        return not self.is_finished and has_blocks and self._record.is_open

    @property
    def next_step(self) -> int:
        """The step under way, else the one that comes next."""
        if self._step is not None:
            return self._step
        own = self._settings.first_step
        return own if own is not None else first_step(self._optimizers) or 0

    @property
    def subject(self) -> Subject:
        """What `examine` needs of this training."""
        return Subject(
            self._watch.model, self.blocks, self._selector, self._settings, self._notices, self.ranks,
            self.next_step, self._record.recording, self.is_finished, self._record.last_loss,
        )  # fmt: skip

    def open(self, found: BlockMap | None) -> None:
        """Opens the run before it would by itself; `found` are its blocks where none are known."""
        is_begun = self._step is not None or self._begin_first()
        if is_begun and self.blocks is None and found is not None:
            self._watch.blocks = self.blocks_found(found)

    def listen(self, listener: Callable[[dict[str, Any], Any], object]) -> None:
        """Has the keywords and the output of each training call of the network told."""
        self._watch.entrance.listener = listener

    def call_begins(
        self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any],
        update: tuple[torch.optim.Optimizer, tuple[Any, ...], dict[str, Any]] | None,
    ) -> Callable[[], object] | None:  # fmt: skip
        """A module's call began before it was watched; perhaps in the closure of an `update`.

        That is an optimizer's step; the answer is to be called when its closure has run.
        """
        ended = self._updates.adopt(*update) if update is not None else None
        if module is self._watch.entrance.module:
            self._watch.entrance.call_begins(args, kwargs)
        return ended

    def finish(self, status: Literal["completed", "failed"]) -> None:
        """Ends the attempt, once, and takes all hooks away."""
        if self.is_finished:
            return
        self.is_finished = True
        if os.getpid() == self._process:
            self.guard(self._finish, status)
        self.guard(self._watch.detach)
        self.guard(self._updates.detach)
        self._optimizers, self._parameters, self._hidden = [], None, HiddenSteps([])

    def await_delivery(self) -> None:
        """Waits a while for what is left to deliver, once the attempt has ended."""
        self.guard(self._record.await_delivery)

    def __del__(self) -> None:
        # The network is gone: the attempt has ended. Nobody is there to hear of a failure.
        with contextlib.suppress(Exception):
            self.finish(self.left_as)

    # Of the network (PassObserver)

    def pass_begins(self) -> bool:
        """A training forward begins."""
        if os.getpid() != self._process:
            self._leave_to_parent()
            return False
        if self._stepped or self._stepped_unseen():
            self._close()
        if self._step is None and not self._begin_first():
            return False
        if not self._is_open:
            self._open_step()
        if not self._forwards:
            self._hidden.note()
        self._forwards += 1
        if self._closure_has_run:
            return False  # an evaluation after the first
        self._record.deliver()
        if self._forwards > MOST_FORWARDS:
            self._give_up_step()
        if not self._is_measured:
            return False
        self._watch.forget()
        return len(self._watch.passes) < MOST_MICRO_BATCHES

    def _leave_to_parent(self) -> None:
        """A forked process trains: two trainings are not one run."""
        self._notices.say(
            "fork",
            "this process was forked from the one that attached, and is not recorded: attach in it",
        )
        self._is_measured = False
        self._measured = None

    def _give_up_step(self) -> None:
        """Lets go of a step that no optimizer ends."""
        self._notices.say("no step", NO_STEP)
        if self._measured is not None:
            self._measured = None
            self._watch.end_step()
        self._is_measured = False

    def pass_of_no_training(self, reason: str) -> None:
        """A forward that is not training."""
        self._spoken.note(reason)
        self._record.deliver()

    def counts_absorbed(self) -> bool:
        """Whether this step counts absorbed elements."""
        return (self._measured_steps - 1) % ABSORBED_EVERY == 0

    def blocks_found(self, blocks: BlockMap) -> BlockMap:
        """The search ended: the run can be opened."""
        chosen = selected(blocks, self._selector)
        if not len(chosen):
            self._spoken.no_blocks(blocks)
        self._record.open(chosen)
        return chosen

    # Of the optimizers (UpdateObserver)

    def update_begins(
        self, optimizer: torch.optim.Optimizer, *, scale: torch.Tensor | None,
        gradient_scale: torch.Tensor | None, found_inf: torch.Tensor | None, closure: bool,
    ) -> bool:  # fmt: skip
        """An optimizer is about to step."""
        self._awaits_closure, self._closure_has_run = closure, False
        if closure and self._step is not None and not self._is_open:
            self._open_step()
        if closure and (self._measured is not None or self._step is None):
            return True  # gradients are there when the closure has run
        self._measure_before(optimizer, scale, gradient_scale, found_inf)
        return False

    def closure_ends(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer's closure ran: its gradients are those that the optimizer applies."""
        if self._awaits_closure:
            self._awaits_closure, self._closure_has_run = False, True
            self._measure_before(optimizer, None, None, None)

    def _measure_before(
        self, optimizer: torch.optim.Optimizer, scale: torch.Tensor | None,
        gradient_scale: torch.Tensor | None, found_inf: torch.Tensor | None,
    ) -> None:  # fmt: skip
        step = self._measured
        if step is not None:
            scale = unknown_scale(self._notices) if scale is None else scale
            rate = learning_rate(self._optimizers)
            step.update_begins(optimizer, self._passes(), rate, scale, gradient_scale, found_inf)

    def update_ends(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer stepped."""
        step = self._measured
        if step is not None:
            parameters = self._parameters if self._parameters is not None else self._passes()
            step.update_ends(optimizer, parameters)
        self._awaits_closure = self._closure_has_run = False
        self._mark_stepped(optimizer)

    def update_skipped(
        self, optimizer: torch.optim.Optimizer, *, scale: torch.Tensor | None
    ) -> None:
        """The scaler did not let an optimizer step."""
        step = self._measured
        if step is not None:
            rate = learning_rate(self._optimizers)
            step.update_begins(optimizer, self._passes(), rate, scale, None, None)
            step.is_skipped = True
        self._mark_stepped(optimizer)

    def _passes(self) -> ParameterPasses | None:
        """The parameters of the blocks, looked up anew where the network's were replaced."""
        watch = self._watch
        if watch.blocks is None:
            return None
        if self._parameters is None or not self._parameters.fit(watch.model):
            self._parameters = ParameterPasses(watch.model, watch.blocks, self._optimizers)
        return self._parameters

    def _stepped_unseen(self) -> bool:
        """Whether an optimizer stepped within compiled code, and none whose step is seen."""
        is_seen = self._stepped or self._awaits_closure or self._closure_has_run
        if not self._forwards or is_seen or not has_compiled() or not self._hidden.came():
            return False
        self._notices.say("hidden steps", WORDS)
        return True

    def _mark_stepped(self, optimizer: torch.optim.Optimizer) -> None:
        if os.getpid() != self._process:
            return
        if id(optimizer) in self._stepped:
            self._close()
        self._stepped.add(id(optimizer))
        if len(self._stepped) >= len(self._optimizers):
            self._close()

    def end_step(self) -> None:
        """Ends the step under way, where no optimizer tells of it."""
        if self._optimizers:
            self._notices.say("step", "probe.step() was passed over: the optimizer tells of steps")
            return
        if self._step is not None and self._forwards:
            self._close()

    # Steps

    def _begin_first(self) -> bool:
        """The first training forward begins; whether this process records."""
        silent = self.ranks.why_silent()
        if silent is not None:
            self._notices.say("no group", silent)
            self.finish("completed")
            return False
        own = self._settings.first_step
        if own is None:
            own = first_step(self._optimizers)
        self._step = own or self._missed
        self._record.begin(self._step)
        self._spoken.is_sharded = has_sharded(self._watch.model)
        if own is None and self._settings.run_id is not None and self.ranks.rank == 0:
            self._notices.say(
                "first step",
                "the optimizer does not tell how many steps it made: steps of this attempt count"
                " from 0; give attach(step=…) where a run goes on",
            )
        if self._watch.blocks is not None:
            self._record.open(self._watch.blocks)
        return True

    def _open_step(self) -> None:
        assert self._step is not None
        self._is_open = True
        self._is_measured = self._settings.schedule.measures(
            self._step, self._settings.planned_steps
        )
        if self._is_measured:
            reason = why_not_now(self._watch.model)
            if reason is not None:
                self._notices.say("unsupported", f"nothing is recorded from here on: {reason}")
                self._is_measured = False
                self.finish("failed")
                return
            self._measured_steps += 1
            self._measured = MeasuredStep(self._step)

    def _close(self) -> None:
        """Ends the step under way."""
        if self._step is None:
            if not self._forwards and not self._found_compiled():
                self._spoken.nothing()
            self._missed += 1
            self._stepped.clear()
            return
        if not self._forwards:
            self._found_compiled()
        step, self._measured = self._measured, None
        if step is not None:
            self._record.start_metrics()
            step.close(self._watch.passes, self._watch.blocks)
            self._spoken.strangers(self._watch.strangers)
            if self._record.is_open:
                self._spoken.step(step, self._watch.blocks)
            self._watch.end_step()
            if step.has_frame:
                self._record.put(step)
        self._stepped.clear()
        self._forwards = 0
        self._is_open = self._is_measured = False
        self._step += 1 + self._record.settle()
        self._record.deliver()
        if self._record.is_given_up:
            self.finish("failed")

    def _found_compiled(self) -> bool:
        """Looks once for compiled code that hides the network; whether it is seen from now on."""
        if self._has_looked or not CAN_FOLLOW or not has_compiled():
            return False
        self._has_looked = True
        if not self._watch.follow_compiled():
            return False
        self._notices.say("compiled", HIDDEN)
        return True

    def log(self, given: object, named: Mapping[str, Any]) -> None:
        """Takes numbers of the step whose forward ran last: a mapping, and keywords."""
        if given is not None and not isinstance(given, Mapping):
            kind = type(given).__name__
            words = f"probe.log takes a mapping or keywords (loss=…); a {kind} was passed over"
            self._notices.say("log", words)
            given = None
        values = {**(given or {}), **named}
        if "loss" in values:  # the first, where there are more than a record takes
            values = {"loss": values["loss"], **values}
        step = self._step if self._step is not None else self._settings.first_step or 0
        number = step if self._forwards or self._step is None else max(0, step - 1)
        self._record.log(number, values)

    def log_at(self, number: int, values: Mapping[str, Any]) -> None:
        """Takes numbers of one step that is under way or has ended."""
        if not self.is_finished:
            self.guard(self._record.log, number, values)

    def _finish(self, status: Literal["completed", "failed"]) -> None:
        if self._stepped_unseen():
            self._close()
        under_way = (self._step or 0) - (0 if self._forwards else 1)
        self._record.finish(status, under_way)
