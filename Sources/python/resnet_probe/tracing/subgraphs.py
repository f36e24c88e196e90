"""Operations that a compiler keeps apart: of functions with a gradient of their own, of checkpoints."""

from __future__ import annotations

import sys
from types import CodeType, FrameType

import torch

from resnet_probe.measuring.checkpoints import first_run


def is_in_subgraph() -> bool:
    """Whether an `autograd.Function` or a checkpoint runs in this thread.

    A compiler traces them into graphs of their own, which may change nothing outside.
    """
    if first_run() is not None:
        return True
    if torch.is_grad_enabled():  # an autograd.Function runs without, and so does what it calls
        return False
    forwards = {code for kind in _functions() if (code := _code_of(kind)) is not None}
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code in forwards:
            return True
        frame = frame.f_back
    return False


def _functions() -> list[type[torch.autograd.Function]]:
    found: list[type[torch.autograd.Function]] = [torch.autograd.Function]
    for kind in found:
        found += kind.__subclasses__()
    return found


def _code_of(kind: type[torch.autograd.Function]) -> CodeType | None:
    code = getattr(kind.forward, "__code__", None)
    return code if isinstance(code, CodeType) else None
