"""Keeps the recorder's exceptions out of training, and measures what it costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import torch

from resnet_probe.notices import Notices, ProbeError

#: Kept: at the interpreter's end the module may be gone.
_DisableTorchFunction = torch._C.DisableTorchFunction


class _Depth(threading.local):
    depth = 0


class Guard:
    """Calls the recorder's functions for hooks: nothing that they raise goes further.

    Each kind of failure is one notice; in strict mode it is raised. `seconds` is the time that
    the calls took since it was last set to 0, calls within calls counted once.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._here = _Depth()
        self.seconds = 0.0

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The function's result; None where it failed."""
        if self._here.depth:
            return function(*args, **kwargs)
        start = time.perf_counter()
        try:
            self._here.depth = 1
            with _DisableTorchFunction():  # no tap sees what the recorder itself does
                return function(*args, **kwargs)
        except ProbeError:
            if self._notices.strict:
                raise
        except Exception as problem:
            name = getattr(function, "__qualname__", "a call")
            words = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
            if self._notices.strict:
                raise
            self._notices.say(
                f"{name} {type(problem).__name__}",
                f"a measurement failed and was left out ({words}); please report this ({name})",
            )
        finally:
            self._here.depth = 0
            self.seconds += time.perf_counter() - start
        return None
