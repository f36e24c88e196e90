"""What cannot be recorded yet, in a sentence each."""

from __future__ import annotations

import torch

from resnet_probe.sharding import is_sharded


def why_not(model: object) -> str | None:
    """Why a network cannot be recorded; None where it can."""
    if not isinstance(model, torch.nn.Module):
        return f"an object of type {type(model).__name__} is no torch.nn.Module"
    if isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        return (
            "scripted and traced modules hide their blocks; attach to the module before scripting"
        )
    if isinstance(model, torch.nn.DataParallel):
        return "DataParallel runs copies of the network in threads; use one device for now"
    kinds = {kind.__name__ for module in model.modules() for kind in type(module).__mro__}
    if "FullyShardedDataParallel" in kinds:
        return (
            "FullyShardedDataParallel hides its parameters; shard with"
            " torch.distributed.fsdp.fully_shard, which is recorded"
        )
    if "DeepSpeedEngine" in kinds:
        return (
            "DeepSpeedEngine keeps parameters and steps to itself; train with"
            " DistributedDataParallel or fully_shard for now"
        )
    sharded = [parameter for parameter in model.parameters() if is_sharded(parameter)]
    if (sharded and "FSDPModule" not in kinds) or any(_splits_twice(one) for one in sharded):
        return (
            "several ranks compute each sample (tensor parallelism), and would count it several"
            " times; train data-parallel (DistributedDataParallel, fully_shard) for now"
        )
    return None


def _splits_twice(parameter: torch.Tensor) -> bool:
    """Whether a sharded parameter is split over more than the ranks that have batches of their own."""
    placements = getattr(parameter, "placements", ())
    return sum(not placement.is_replicate() for placement in placements) > 1


def why_not_now(model: torch.nn.Module) -> str | None:
    """Why a network that was attached to cannot be recorded any more; None where it can."""
    if getattr(model, "_is_replica", False):
        return "DataParallel runs copies of the network in threads; use one device for now"
    return why_not(model)
