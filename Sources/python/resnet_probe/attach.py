"""`attach`: from one line in a training script to a probe on its network."""

from __future__ import annotations

import atexit
import dataclasses
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.finding.find import find_blocks
from resnet_probe.finding.registry import declared_in
from resnet_probe.journal.recording import Recording
from resnet_probe.journal.run import identity_beside, random_identity
from resnet_probe.notices import Notices, ProbeError
from resnet_probe.probe import Probe
from resnet_probe.selection import Selector, given_map
from resnet_probe.settings import MaskSource, Settings, parse_settings
from resnet_probe.sharding import has_sharded
from resnet_probe.training.compilation import leave_uncompiled
from resnet_probe.training.entrance import entrance_of
from resnet_probe.training.ranks import Ranks
from resnet_probe.training.recipe import recipe_of
from resnet_probe.training.step_loop import StepLoop
from resnet_probe.training.unsupported import why_not
from resnet_probe.training.wrapped import network_within, process_group_of

# Weak both ways: a probe lives by the hooks of its network, and goes with it.
_attached: weakref.WeakKeyDictionary[torch.nn.Module, weakref.ref[StepLoop]] = (
    weakref.WeakKeyDictionary()
)


def attach(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer | Iterable[torch.optim.Optimizer] | None = None,
    *,
    run: str | None = None,
    scaler: Any = None,
    every: Any = None,
    steps: int | None = None,
    blocks: BlockMap | Selector | None = None,
    example: Any = None,
    mask: MaskSource | None = None,
    sample: Literal["row", "token"] | None = None,
    id: Any = None,
    step: int | None = None,
    project: str | None = None,
    config: Any = None,
    detail: Literal["full", "norms"] | None = None,
    memory: float | None = None,
    mode: Literal["on", "disabled"] | None = None,
    strict: bool = False,
) -> Probe:
    """Records a network's residual blocks while it trains.

    No line in the loop is needed: the optimizer's hooks tell where steps end. The blocks are found
    in the first training forward, or at once where `example` is given. Attaching to a network again
    replaces its probe.

    Args:
        model: The network that the training loop calls, or what DistributedDataParallel makes of it.
        optimizer: The optimizer, or several: a step ends when all of them have stepped. None:
            `probe.step()` ends steps.
        run: The run's label; the class of the network where none is given.
        scaler: The `GradScaler`, where one is used: gradients are unscaled, skipped steps marked.
        every: Which steps are measured: "default" (0, 1, 2, 5, every 10th to 500, then every
            50th), a number of steps, a `Schedule` or a function of the step.
        steps: The steps planned, so that the last one is measured.
        blocks: Which blocks: a map (or list of blocks) from `find_blocks`, name patterns such as
            "layer3.*", a function of a block, or a map of one's own from module names to
            "residual", "plain" or "none".
        example: A batch as the network takes it: blocks are then found at once, on a copy.
        mask: What is no padding: the name of the keyword argument that holds it (one named
            `attention_mask` is used by itself), or a function of arguments and keywords. True counts.
        sample: What one sample is, where the default (a row; of (N, T, D) tensors a token) is wrong.
        id: The run's identity, a UUID or 32 hexadecimal digits: the same again goes on with the run.
        step: The step that comes next, where the run goes on; else the optimizer's own count, else 0.
        project: The project that the run belongs to.
        config: The configuration, a mapping or a namespace; values under keys such as "token" or
            "password" are not written.
        detail: "full", or "norms": gap, ratio and norms alone, which costs less.
        memory: The most that activations kept for the backward pass may take: bytes, or a fraction
            (a float) of the device's memory. Blocks beyond it take turns in having a Taylor
            importance; everything else is measured at every measured step.
        mode: "on" or "disabled": then nothing is hooked and every call does nothing.
        strict: Raise what would be a notice; for tests.

    Raises:
        ValueError: For an argument that means nothing, in one line. What goes wrong later is one
            notice on standard error, and training goes on.
    """
    notices = Notices(strict=strict)
    network = network_within(model) if isinstance(model, torch.nn.Module) else model
    settings = parse_settings(
        network, notices, run=run, id=id, project=project, every=every, steps=steps, step=step,
        detail=detail, sample=sample, mask=mask, mode=mode, config=config,
        memory=memory,
    )  # fmt: skip
    given = given_map(blocks)
    selector: Selector | None = None if isinstance(blocks, BlockMap) else blocks
    if given is not None:
        selector = None
    chosen = blocks if isinstance(blocks, Mapping) else None
    if isinstance(network, torch.nn.Module):
        declared_in(network, chosen)
    optimizers = _optimizers(optimizer)
    settings = dataclasses.replace(settings, recipe=recipe_of(optimizers))
    reason = why_not(model)
    if reason is not None and settings.is_on:
        notices.say("unsupported", f"nothing is recorded: {reason}")
    is_off = reason is not None or not settings.is_on
    if is_off:
        _replace(network, None)
        return Probe(settings.run_id or random_identity(), None)
    if given is None and example is not None and not has_sharded(network):
        given = _found(network, example, chosen, settings.sample, notices)
    group = process_group_of(model) if isinstance(model, torch.nn.Module) else None
    ranks = Ranks(network, _identity(settings, network, group), notices, group)
    ranks.shares_id = settings.shares_id
    try:
        loop = StepLoop(
            network, optimizers, scaler, settings, notices, ranks, given, selector,
            entrance_of(model),
        )  # fmt: skip
    except Exception as problem:  # an optimizer or scaler that tells of no steps
        raise ValueError(f"cannot attach to {type(network).__name__}: {problem}") from None
    _replace(network, loop)
    return Probe(ranks.run, loop)


def _identity(settings: Settings, network: torch.nn.Module, group: Any) -> bytes | None:
    """The run's identity, where one is given.

    The environment's is for one run: other networks of this process that are being recorded, and
    other process groups, have identities that follow from it.
    """
    if settings.run_id is None or not settings.shares_id:
        return settings.run_id
    loops = [reference() for module, reference in _attached.items() if module is not network]
    beside = sum(
        loop is not None and not loop.is_finished and loop.ranks.shares_id for loop in loops
    )
    first = 0 if group is None else torch.distributed.get_process_group_ranks(group)[0]
    if beside == 0 and first == 0:
        return settings.run_id
    return identity_beside(settings.run_id, f"{first}/{beside}")


def _replace(model: object, loop: StepLoop | None) -> None:
    """Ends the probe that a network has, and remembers the new one."""
    if not isinstance(model, torch.nn.Module):
        return
    previous = _attached.pop(model, None)
    before = previous() if previous is not None else None
    if before is not None:
        before.finish(before.left_as)
    if loop is not None:
        _attached[model] = weakref.ref(loop)


def _optimizers(given: Any) -> list[torch.optim.Optimizer]:
    if given is None:
        return []
    if hasattr(given, "param_groups"):
        return [given]
    optimizers = list(given) if isinstance(given, Iterable) else [given]
    if not all(hasattr(one, "param_groups") for one in optimizers) or not optimizers:
        raise ValueError("optimizer is neither a torch optimizer nor several of them")
    return optimizers


def _found(
    model: torch.nn.Module, example: Any, chosen: Mapping[str, str] | None,
    sample: Literal["row", "token"] | None, notices: Notices,
) -> BlockMap | None:  # fmt: skip
    try:
        return find_blocks(model, example, blocks=chosen, sample=sample)
    except ProbeError as error:
        notices.say("example", f"{error}; they are looked for in the first training forward")
        return None


def _finish_all() -> None:
    """At the interpreter's end: failed where an exception ended it."""
    ended_by_error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    for reference in list(_attached.values()):
        loop = reference()
        if loop is not None:
            loop.finish("failed" if ended_by_error is not None else loop.left_as)


_register: Callable[[Callable[[], None]], Any] = atexit.register
_register(_finish_all)

# The collector may run them within another network's compiled call.
for _finalizer in (StepLoop.__del__, Recording.__del__):
    leave_uncompiled(_finalizer, with_callees=True)
