"""A callback for Lightning's Trainer, of `lightning.pytorch` and of `pytorch_lightning`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import torch

from resnet_probe.integrations.called_network import Call, CalledNetwork
from resnet_probe.integrations.recorded_training import RecordedTraining
from resnet_probe.notices import write_line

if TYPE_CHECKING:
    from lightning.pytorch import Callback
else:
    _bases = []
    for _name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            _bases.append(importlib.import_module(_name).Callback)
        except Exception as _problem:  # absent, or of no use beside the other
            _reason = _problem
    if not _bases:
        raise ImportError(
            "resnet_probe.integrations.lightning needs Lightning, which cannot be imported"
            f" ({_reason}): pip install lightning"
        )
    # Both trainers take it, whichever the script imports.
    Callback = type("Callback", tuple(dict.fromkeys(_bases)), {})


class ResnetProbeCallback(Callback):
    """Records the residual blocks of a network that Lightning trains.

    Network, optimizers and gradient scaler are found by themselves. A step of the optimizer is a
    frame, however many batches it accumulates; the step's loss and what `self.log` logged go with
    it. The run's identity lies in Lightning's checkpoints, so that resuming goes on with the run.
    """

    def __init__(
        self,
        *,
        network: str | Callable[[torch.nn.Module], torch.nn.Module] | None = None,
        **arguments: Any,
    ) -> None:
        """Take the arguments of `resnet_probe.attach`, and `network`.

        Args:
            network: The network's attribute in the LightningModule ("model", "generator.body"; ""
                for the LightningModule itself), or a function of the LightningModule. By default
                what the training step calls: the LightningModule itself, else its part with the
                most trained parameters.
            arguments: The keyword arguments of `resnet_probe.attach`, all but `scaler`.

        Raises:
            ValueError: For an argument that `attach` does not have, or that means nothing.
        """
        super().__init__()
        self._network = network
        self._training = RecordedTraining(arguments)
        self._search: CalledNetwork | None = None
        self._stage = ""
        self._seen: dict[str, Any] = {}

    @property
    def state_key(self) -> str:
        """Apart for callbacks of several networks."""
        name = self._network if isinstance(self._network, str) else None
        return f"ResnetProbeCallback{name or ''}"

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Lightning sets a stage up."""
        self._stage = stage

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """The training begins."""
        self._training.finish("failed")
        self._seen = {}
        self._training.guarded(self._begin, trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A batch ended, and perhaps a step."""
        self._training.guarded(self._end_batch, trainer, pl_module, outputs)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """An epoch begins: the metrics of the one before are there, for that one's last step."""
        if self._training.probe is not None:
            self._training.guarded(self._log, trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """A validation ended: its metrics are there."""
        if not trainer.sanity_checking:
            self._training.guarded(self._log, trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """The training ended."""
        self._training.guarded(self._log, trainer)
        self._finish("completed")

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """The training was ended by an exception or an interrupt."""
        self._finish("failed")

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Lightning takes a stage down."""
        self._finish("failed")

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the run's identity and the step that comes next."""
        return self._training.state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The state of a checkpoint that training goes on from."""
        if self._stage == "fit":
            self._training.restore(state_dict)

    def _begin(self, trainer: Any, pl_module: Any) -> None:
        if getattr(pl_module, "_compiler_ctx", None):
            raise ValueError(
                "the LightningModule was compiled, which hides the network's calls: compile the"
                " network inside it (self.model = torch.compile(self.model))"
            )
        if self._network is None:

            def found(part: torch.nn.Module, call: Call) -> None:
                self._training.guarded(self._attach, trainer, pl_module, part, call)

            self._search = CalledNetwork(pl_module, trainer.optimizers, found)
            compiled = self._search.compiled_part()
            if compiled is not None:
                self._search.give_up()
                self._attach(trainer, pl_module, compiled, None)
            return
        if callable(self._network):
            part = self._network(pl_module)
        else:
            try:
                part = pl_module.get_submodule(self._network)
            except AttributeError:
                raise ValueError(
                    f"network={self._network!r} is no part of {type(pl_module).__name__}"
                ) from None
        self._attach(trainer, pl_module, part, None)

    def _attach(
        self, trainer: Any, pl_module: Any, part: torch.nn.Module, call: Call | None
    ) -> None:
        self._search = None
        optimizers = _optimizers_of(part, trainer.optimizers)
        is_counted = pl_module.automatic_optimization or len(trainer.optimizers) == 1
        planned = trainer.estimated_stepping_batches if is_counted else math.inf
        hparams = getattr(pl_module, "hparams", None)
        self._training.begin(
            part,
            optimizers,
            getattr(trainer.precision_plugin, "scaler", None),
            done=trainer.global_step if is_counted or trainer.global_step == 0 else None,
            planned=int(planned) if math.isfinite(planned) and planned > 0 else None,
            config=dict(hparams) if hparams else None,
            call=call,
        )

    def _end_batch(self, trainer: Any, pl_module: Any, outputs: Any) -> None:
        if self._search is not None:
            self._begin_late(trainer, pl_module)
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is not None:
            self._training.loss(loss)
        self._training.pass_ended()
        if trainer.global_step % trainer.log_every_n_steps == 0:
            self._log(trainer)

    def _begin_late(self, trainer: Any, pl_module: Any) -> None:
        """No part was surely the network: the largest that was called, from the next step on."""
        search, self._search = self._search, None
        part = search.give_up() if search is not None else None
        if part is None:
            raise ValueError("training_step calls no part of the LightningModule; give network=")
        name = next(name for name, one in pl_module.named_modules() if one is part)
        write_line(
            f"resnet-probe: the callback takes {name!r} for the network, from the second batch on;"
            " give network= to choose"
        )
        self._attach(trainer, pl_module, part, None)

    def _log(self, trainer: Any) -> None:
        """Logs what Lightning's metrics have new."""
        values = dict(trainer.callback_metrics)
        self._training.log(
            {key: value for key, value in values.items() if self._seen.get(key) is not value}
        )
        self._seen = values

    def _finish(self, status: Literal["completed", "failed"]) -> None:
        search, self._search = self._search, None
        if search is not None:
            search.give_up()
        self._seen = {}
        self._training.finish(status)


def _optimizers_of(
    part: torch.nn.Module, optimizers: list[torch.optim.Optimizer]
) -> list[torch.optim.Optimizer]:
    """Those that train parameters of a part; all, where none says so."""
    ids = {id(parameter) for parameter in part.parameters()}
    own = [
        optimizer
        for optimizer in optimizers
        if any(id(p) in ids for group in optimizer.param_groups for p in group["params"])
    ]
    return own or optimizers
