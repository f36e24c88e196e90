"""Optimizer steps within compiled code, where no hook tells of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

#: What is said of them.
WORDS = (
    "parameters change though attach's optimizer does not step: it steps within compiled code, where no"
    " hook sees it, or another one does; a step ends where the next forward finds them changed, without"
    " learning rate and statistics of parameters; call optimizer.step() uncompiled to have them"
)


class HiddenSteps:
    """Whether the parameters of some optimizers changed, by the versions of their tensors."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        firsts = [next((p for p in group["params"] if p.requires_grad), None) for group in groups]
        self._watched = [parameter for parameter in firsts if parameter is not None]
        self._versions = self._now()

    def note(self) -> None:
        """A step is under way from here on."""
        self._versions = self._now()

    def came(self) -> bool:
        """Whether a parameter was written since."""
        return self._versions != self._now()

    def _now(self) -> list[int]:
        return [parameter._version for parameter in self._watched]
