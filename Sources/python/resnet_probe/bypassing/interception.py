"""Where a branch is code of a forward, or its module has other uses: it runs, and joins as zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from resnet_probe.bypassing.shown import shown
from resnet_probe.bypassing.survey import Found, Survey
from resnet_probe.examining.removal import Misplaced, Removal, Spot, run_without
from resnet_probe.notices import ProbeError
from resnet_probe.tracing.places import Place


class Intercepted:
    """The forward of a module whose call joins some branches: zeros join in their place.

    Stands among the module's attributes as `forward`, so that it is copied and saved with it.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self._forward = vars(module).get("forward")
        self._spots: list[Spot] = []
        self._joins: list[str] = []

    def add(self, spot: Spot, joins: Sequence[str]) -> None:
        """Leaves out the block at a spot; `joins` are all that join in one call."""
        self._spots.append(spot)
        self._joins = list(joins)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The module's forward without the blocks.

        Raises:
            ProbeError: Where it joins other things than it did when the blocks were found.
        """
        forward = self._forward or type(self._module).forward.__get__(self._module)
        removal = Removal(self._spots)
        try:
            output = run_without(lambda: forward(*args, **kwargs), removal, {})
        except Misplaced as problem:
            raise self._refusal(str(problem)) from None
        if [name for name, _ in removal.seen] != self._joins:
            raise self._refusal("it joins other tensors than in eval mode")
        return output

    def _refusal(self, reason: str) -> ProbeError:
        return ProbeError.explain(
            "run", f"{type(self._module).__name__} without its bypassed blocks", reason,
            "bypass other blocks of it, or use the network in eval mode",
        )  # fmt: skip


def intercept(network: torch.nn.Module, seen: Survey, wanted: Sequence[Found]) -> None:
    """Leaves blocks of a network of one's own out where their branches join.

    `seen` is a survey of the network as it is.

    Raises:
        ProbeError: For a plain block whose module runs more than once in a pass.
    """
    modules = dict(network.named_modules())
    forwards: dict[str, Intercepted] = {}
    for one in wanted:
        place = _scope(seen, one)
        spot = one.within(place)
        if spot.module:
            raise ProbeError.explain(
                "bypass", shown(one.block.name), f"{shown(spot.module)} runs more than once in a pass",
                "bypass all of its uses, or none",
            )  # fmt: skip
        if place.within not in forwards:
            module = modules[place.within]
            forwards[place.within] = Intercepted(module)
            module.forward = forwards[place.within]
        forwards[place.within].add(spot, _joins_in(seen, place))


def _scope(seen: Survey, one: Found) -> Place:
    """The innermost call around a block of a module that runs once in a pass."""
    for place in one.block.site.places:
        is_there = place.join >= 0 or place.first_layer >= 0
        if is_there and len(_calls(seen, place.within)) == 1:
            return place
    return one.place


def _calls(seen: Survey, name: str) -> list[int]:
    return [i for i, given in seen.calls.items() if seen.names[id(given.module)] == name]


def _joins_in(seen: Survey, place: Place) -> list[str]:
    (index,) = _calls(seen, place.within)
    call = seen.trace.calls[index]
    end = call.end_join if call.end >= 0 else len(seen.joins)
    return [name for name, _ in seen.joins[call.first_join : end]]
