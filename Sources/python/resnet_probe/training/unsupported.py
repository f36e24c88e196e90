"""What cannot be recorded yet, in a sentence each."""

from __future__ import annotations

import gc
import sys

import torch

COMPILED = "compiled networks are not recorded yet"
NOT_COMPILED = "train without torch.compile for now"


def why_not(model: object) -> str | None:
    """Why a network cannot be recorded; None where it can."""
    if not isinstance(model, torch.nn.Module):
        return f"an object of type {type(model).__name__} is no torch.nn.Module"
    name = type(model).__name__
    if isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        return (
            "scripted and traced modules hide their blocks; attach to the module before scripting"
        )
    if isinstance(model, torch.nn.DataParallel):
        return "DataParallel runs copies of the network in threads; use one device for now"
    if name == "FullyShardedDataParallel" or any(
        base.__name__.startswith("FSDP") for base in type(model).__mro__
    ):
        return "sharded parameters (FSDP) are not recorded yet; train in one process for now"
    if any(_is_compiled(module) for module in model.modules()):
        return f"{COMPILED}; {NOT_COMPILED}"
    return None


def _is_compiled(module: torch.nn.Module) -> bool:
    wrapped = type(module).__name__ == "OptimizedModule"
    return wrapped or getattr(module, "_compiled_call_impl", None) is not None


def has_compiled() -> bool:
    """Whether anything was compiled in this process, perhaps the forward that no hook saw."""
    utils = sys.modules.get("torch._dynamo.utils")
    counters = getattr(utils, "counters", {})
    return any(counters.get(kind) for kind in ("frames", "stats"))


def runs_compiled(model: torch.nn.Module) -> bool:
    """Whether a network or a wrapper around it was compiled.

    Complexity: looks at every object of the process; for the one time that no forward was seen.
    """
    if not has_compiled():
        return False
    return _is_compiled(model) or any(
        type(thing).__name__ == "OptimizedModule" and thing._modules.get("_orig_mod") is model
        for thing in gc.get_objects()
    )


def why_not_now(model: torch.nn.Module) -> str | None:
    """Why a network that was attached to cannot be recorded any more; None where it can."""
    if getattr(model, "_is_replica", False):
        return "DataParallel runs copies of the network in threads; use one device for now"
    return why_not(model)
