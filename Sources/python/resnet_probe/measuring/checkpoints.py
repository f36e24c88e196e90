"""Which run of an activation checkpoint is under way in this thread.

A checkpoint that is not reentrant runs its part once in the forward pass, which keeps nothing, and
once more in the backward pass. torch has no name for that: it is read off the checkpoint's hooks on
saved tensors. Where they look otherwise than expected there is no answer, and a block is measured
as if there were no checkpoint, which only costs memory.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch

_MODULE = "torch.utils.checkpoint"


def first_run() -> object | None:
    """The checkpoint whose first run this is; None outside, in second runs and if reentrant."""
    hooks_on_top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    hooks = hooks_on_top(True) if hooks_on_top is not None else None
    pack: Any = hooks[0] if hooks else None
    if getattr(pack, "__module__", None) != _MODULE:
        return None
    names = pack.__code__.co_freevars if hasattr(pack, "__code__") else ()
    if "frame" not in names:
        return None
    found: object = pack.__closure__[names.index("frame")].cell_contents
    return found


def reentrant_run() -> int | None:
    """The reentrant checkpoint that runs, in its first run or again in the backward pass.

    The same number in both runs; None outside of one, or where torch does not tell.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == _MODULE and "ctx" in frame.f_locals:
            return id(frame.f_locals["ctx"])
        frame = frame.f_back
    return None


def second_run() -> object | None:
    """The checkpoint whose second run this is, the same object as in its first; None outside."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "unpack_hook" and frame.f_globals.get("__name__") == _MODULE:
            return frame.f_locals.get("frame")
        frame = frame.f_back
    return None
