"""A callback for the Trainer of Hugging Face's transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from resnet_probe.integrations.recorded_training import RecordedTraining

if TYPE_CHECKING:
    from transformers import TrainerCallback
    from transformers.trainer_callback import ExportableState
else:
    try:
        from transformers import TrainerCallback
        from transformers.trainer_callback import ExportableState
    except Exception as _problem:
        raise ImportError(
            "resnet_probe.integrations.transformers needs Hugging Face's transformers 4.41 or"
            f" later, which cannot be imported ({_problem}): pip install transformers accelerate"
        ) from None

#: The key of the callback in a checkpoint's `trainer_state.json`: its class's name.
KEY = "ResnetProbeCallback"


class ResnetProbeCallback(TrainerCallback, ExportableState):
    """Records the residual blocks of a network that Hugging Face's Trainer trains.

    Network, optimizer and gradient scaler are those of the Trainer. A step of the optimizer is a
    frame, however many batches it accumulates; the loss that the network returned and what Trainer
    logs go with it. The run's identity lies in `trainer_state.json` of checkpoints, so that
    `resume_from_checkpoint` goes on with the run.
    """

    def __init__(self, **arguments: Any) -> None:
        """Take the keyword arguments of `resnet_probe.attach`, all but `scaler`.

        Raises:
            ValueError: For an argument that `attach` does not have, or that means nothing.
        """
        super().__init__()
        self._training = RecordedTraining(arguments)
        self._accumulation = 1

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The training begins."""
        self._training.finish("failed")
        self._training.guarded(self._begin, args, state, kwargs)

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A batch was accumulated."""
        self._training.guarded(self._training.pass_ended)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The optimizer stepped."""
        self._training.guarded(self._training.pass_ended)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Trainer logs numbers, of an evaluation too."""
        self._training.guarded(self._training.log, logs or {})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The training ended."""
        self._training.finish("completed")

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: the run's identity and the step that comes next."""
        plain = (str, int, float, bool)
        arguments = {k: v for k, v in self._training.arguments.items() if isinstance(v, plain)}
        return {"args": arguments, "attributes": {"kept": self._training.state()}}

    @property
    def kept(self) -> dict[str, Any]:
        """The run's identity and the step that comes next, as checkpoints keep them."""
        return self._training.state()

    @kept.setter
    def kept(self, state: dict[str, Any]) -> None:
        self._training.restore(state)

    def _begin(self, args: Any, state: Any, kwargs: dict[str, Any]) -> None:
        model, optimizer = kwargs["model"], kwargs["optimizer"]
        if state.global_step:
            stored = state.stateful_callbacks.get(KEY)
            stored = stored[-1] if isinstance(stored, list) else stored
            self._training.restore((stored or {}).get("attributes", {}).get("kept", {}))
        # Trainer asks for the key when it saves, also where the checkpoint that it resumed had none.
        state.stateful_callbacks.setdefault(KEY, self.state())
        self._accumulation = args.gradient_accumulation_steps
        self._training.begin(
            model,
            [optimizer],
            getattr(optimizer, "scaler", None),
            done=state.global_step,
            planned=state.max_steps if state.max_steps > 0 else None,
            config=args.to_sanitized_dict(),
        )
        self._training.listen(self._take_loss)

    def _take_loss(self, kwargs: dict[str, Any], output: Any) -> None:
        loss = output.get("loss") if isinstance(output, dict) else None
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            return
        is_divided = kwargs.get("num_items_in_batch") is not None
        self._training.loss(loss.detach() / (1 if is_divided else self._accumulation))
