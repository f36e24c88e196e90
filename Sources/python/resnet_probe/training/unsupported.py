"""What cannot be recorded yet, in a sentence each."""

from __future__ import annotations

import torch


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
    return None


def why_not_now(model: torch.nn.Module) -> str | None:
    """Why a network that was attached to cannot be recorded any more; None where it can."""
    if getattr(model, "_is_replica", False):
        return "DataParallel runs copies of the network in threads; use one device for now"
    return why_not(model)
