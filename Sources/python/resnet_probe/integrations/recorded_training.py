"""What callbacks of all libraries do: one training's probe, its losses, and how it goes on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch

from resnet_probe.attach import attach
from resnet_probe.integrations.called_network import Call
from resnet_probe.notices import Notices, ProbeError
from resnet_probe.probe import Probe, loop_of
from resnet_probe.settings import parse_settings
from resnet_probe.training.step_loop import StepLoop

#: What the trainer knows and `attach` is told by itself.
FOUND = ("model", "optimizer", "scaler")


class RecordedTraining:
    """The probe of a training whose loop a library owns.

    Used from the training thread. Nothing raises into training unless notices are strict.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Keep the arguments of `attach`, all but the network, its optimizers and the scaler.

        Raises:
            ValueError: For an argument that `attach` does not have, or that means nothing.
        """
        known = [name for name in inspect.signature(attach).parameters if name not in FOUND]
        unknown = [name for name in arguments if name not in known]
        if unknown:
            raise ValueError(
                f"the callback takes no {unknown[0]}=: give arguments of resnet_probe.attach"
                f" ({', '.join(known)})"
            )
        settings: dict[str, Any] = dict.fromkeys(inspect.signature(parse_settings).parameters)
        del settings["model"], settings["notices"]
        settings |= {name: value for name, value in arguments.items() if name in settings}
        quiet = Notices(write=lambda _: None)  # the environment is spoken of when training begins
        parse_settings(torch.nn.Module(), quiet, **settings)
        self.arguments = dict(arguments)
        self.probe: Probe | None = None
        self._notices = Notices(strict=bool(arguments.get("strict")))
        self._kept: dict[str, Any] = {}
        self._losses: list[Any] = []
        self._next = 0  # the step that comes next or is under way, when the last batch had ended
        self._current = 0  # the step that the last batch was of
        self._has_losses = False

    def begin(
        self, model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer], scaler: object,
        *, done: int | None, planned: int | None, config: object,
        call: Call | None = None,
    ) -> None:  # fmt: skip
        """Attaches: a new run, or the one that a checkpoint or an earlier call told of.

        Args:
            model: The network.
            optimizers: Its optimizers; wrappers are seen through.
            scaler: The gradient scaler, where there is one.
            done: How many steps the trainer made before; None where it does not count them so.
            planned: How many steps it plans in all, where it knows.
            config: What the run's configuration is where none was given.
            call: The network's call where it has begun already.
        """
        self.finish("failed")
        self._losses, self._has_losses = [], False
        told: dict[str, Any] = {"steps": planned, "config": config, "step": done}
        if done is None or done > 0:
            told |= {key: value for key, value in self._kept.items() if value is not None}
        given = {key: value for key, value in self.arguments.items() if value is not None}
        self.probe = attach(model, list(optimizers), scaler=scaler, **{**told, **given})
        loop = self._loop()
        if loop is not None:
            self._next = self._current = loop.next_step
            loop.left_as = "failed"  # a trainer always says when training has ended
            if call is not None:
                _take_in(loop, call)

    def listen(self, listener: Callable[[dict[str, Any], Any], object]) -> None:
        """Has the keywords and the output of each of the network's training calls told."""
        loop = self._loop()
        if loop is not None:
            loop.listen(partial(self.guarded, listener))

    def loss(self, value: Any) -> None:
        """Takes the loss of a pass as it was back-propagated; those of one step add."""
        if self.probe is None or not self.probe.is_recording:
            return
        self._losses.append(value.detach() if isinstance(value, torch.Tensor) else value)
        self._has_losses = True

    def pass_ended(self) -> None:
        """A batch was trained: where that ended a step, logs the step's loss."""
        loop = self._loop()
        if loop is None:
            return
        before, self._next = self._next, loop.next_step
        self._current = self._next - 1 if self._next > before else self._next
        if self._next > before:
            losses, self._losses = self._losses, []
            if losses:
                loop.log_at(self._current, {"loss": sum(losses[1:], losses[0])})

    def log(self, values: Mapping[str, Any]) -> None:
        """Logs the trainer's numbers of the step that ended last, or is under way.

        Its `loss` only where no pass told one.
        """
        loop = self._loop()
        taken = {
            str(key): value
            for key, value in values.items()
            if isinstance(value, (int, float, torch.Tensor)) and not isinstance(value, bool)
            if not (key == "loss" and self._has_losses)
        }
        if loop is not None and taken:
            loop.log_at(self._current, taken)

    def finish(self, status: Literal["completed", "failed"]) -> None:
        """Ends the attempt, where one is under way."""
        self._keep()
        probe, self.probe = self.probe, None
        if probe is not None:
            probe.finish(status)

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to keep: the run's identity and the step that comes next."""
        self._keep()
        return dict(self._kept)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes what a checkpoint kept."""
        self._kept = {key: state.get(key) for key in ("id", "step")}

    def guarded(self, function: Callable[..., Any], *args: Any) -> None:
        """Calls a function of a callback: what it raises is one notice."""
        try:
            function(*args)
        except ProbeError:
            raise
        except Exception as problem:
            if self._notices.strict:
                raise
            if isinstance(problem, ValueError):  # an argument that does not fit the training
                self._notices.say("argument", f"nothing is recorded: {problem}")
                return
            words = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
            self._notices.say(
                function.__name__,
                f"the callback could not follow the trainer ({words}): what that would have"
                " recorded is left out; please report this",
            )

    def _loop(self) -> StepLoop | None:
        return loop_of(self.probe) if self.probe is not None else None

    def _keep(self) -> None:
        if self.probe is not None:
            self._kept = {"id": self.probe.run, "step": self.probe.next_step}


def _take_in(loop: StepLoop, call: Call) -> None:
    """Has a call recorded that began before the probe was there."""
    update = call.update
    step = (update.optimizer, update.args, update.kwargs) if update is not None else None
    ended = loop.call_begins(call.module, call.args, call.kwargs, step)
    if update is not None:
        update.closure_ended = ended
