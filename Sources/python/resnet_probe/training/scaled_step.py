"""`step` of one gradient scaler, seen from outside while a probe is attached."""

from __future__ import annotations

import copy
import operator
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch.amp import GradScaler


class ScaledStep:
    """Stands in for the `step` of one gradient scaler and says when it begins and how it ended.

    It lies in the scaler's own `__dict__` and passes everything on: arguments, answer, exceptions.
    Several lie one on another and are removed in any order. Pickled or deep-copied with the scaler,
    it is the plain method again, and loads without this package.
    """

    def __init__(
        self,
        scaler: GradScaler,
        begins: Callable[[object], object],
        ended: Callable[[object], object],
        failed: Callable[[object], object],
    ) -> None:
        """Take the place of `scaler.step`.

        Each callable gets the optimizer that the scaler was asked to step, and must not raise:
        `begins` before, `ended` once the scaler returned, stepped or not, `failed` where it raised.
        """
        self._scaler = scaler
        self._begins, self._ended, self._failed = begins, ended, failed
        self._below: Callable[..., object] | None = vars(scaler).get(
            "step"
        )  # None: the method of the class
        self._attached = True
        vars(scaler)["step"] = self

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Step as the scaler would."""
        step = self._plain()
        if not self._attached or torch.compiler.is_compiling():
            return step(*args, **kwargs)
        optimizer = args[0] if args else kwargs.get("optimizer")
        self._begins(optimizer)
        try:
            answer = step(*args, **kwargs)
        except BaseException:
            self._failed(optimizer)
            raise
        self._ended(optimizer)
        return answer

    def remove(self) -> None:
        """Give the scaler its former `step` back.

        Where a stranger has wrapped this one since, it stays below and says nothing any more.
        """
        if not self._attached:
            return
        self._attached = False
        above = None
        here = vars(self._scaler).get("step")
        while isinstance(here, ScaledStep) and here is not self:
            above, here = here, here._below
        if here is not self:
            return
        if above is not None:
            above._below = self._below
        elif self._below is None:
            del vars(self._scaler)["step"]
        else:
            vars(self._scaler)["step"] = self._below

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What pickle writes: the step below, the class's method unless a stranger replaced it."""
        if isinstance(self._below, ScaledStep):
            return self._below.__reduce__()
        if self._below is None:
            return getattr, (self._scaler, "step")  # loads before the scaler has its state
        return operator.itemgetter(0), ((self._below,),)

    def __deepcopy__(self, memo: dict[int, Any]) -> object:
        """The copied scaler's own step."""
        return copy.deepcopy(self._plain(), memo)

    def _plain(self) -> Callable[..., object]:
        if self._below is None:
            return types.MethodType(type(self._scaler).step, self._scaler)
        return self._below
