"""The blocks of a plan in a network: in one pass in eval mode, by the names that they are known by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.bypassing.planned import PlannedBlock
from resnet_probe.bypassing.shown import VALUE, shown
from resnet_probe.bypassing.survey import Found, Survey, survey, under_names
from resnet_probe.examining.probe_set import mapped, seed_generators
from resnet_probe.finding.find import Arguments, found_in
from resnet_probe.names import modules_of
from resnet_probe.notices import ProbeError
from resnet_probe.summary import first_names

#: The most rows of an example that are run.
ROWS = 4


@dataclass(slots=True)
class Located:
    """The blocks of a plan in a pass, by their names."""

    seen: Survey
    known: BlockMap  # all blocks
    wanted: dict[str, Found]
    arguments: Arguments  # what the network was run with
    chosen: Mapping[str, str] | None  # what was declared to be a block

    def again(self, network: torch.nn.Module, names: Iterable[str]) -> tuple[Survey, list[Found]]:
        """Some of the blocks in a copy that others were taken out of.

        Raises:
            LookupError: Where they are not found any more.
        """
        seen, blocks = _surveyed(network, self.arguments, self.chosen)
        named = under_names(seen, blocks, self.known)
        return seen, [named[name] for name in names]


def locate(
    twin: torch.nn.Module, planned: Sequence[PlannedBlock], calls: Iterator[Arguments]
) -> Located:
    """Runs a copy of the network, which is in eval mode afterwards.

    Raises:
        ProbeError: In one line, where blocks are not the network's, or it does not run.
    """
    problem: Exception | None = None
    for arguments in calls:
        few = _few(twin, arguments)
        missing: list[str] = []
        for chosen in _declarations(twin, planned):
            try:
                known = _known(twin, few, chosen)
                seen, blocks = _surveyed(twin, few, chosen)
            except Exception as one:
                problem = one
                break
            known = blocks if known is None else known
            named = under_names(seen, blocks, known)
            missing = missing or [one.name for one in planned if one.name not in named]
            if all(one.name in named for one in planned):
                wanted = {one.name: named[one.name] for one in planned}
                _check(twin, planned, wanted, known)
                return Located(seen, known, wanted, few, chosen)
        if missing:
            raise ProbeError.explain(
                "bypass", first_names([shown(name) for name in missing]),
                f"no block of the {type(twin).__name__} given is called so",
                "give the network that the plan was made for, and names as find_blocks has them",
            )  # fmt: skip
    words = shown(" ".join(str(problem).split()), 300) or type(problem).__name__
    raise ProbeError.explain(
        "bypass blocks of", type(twin).__name__, f"it does not run ({words})",
        "give example= what its forward takes: (x,) of a batch (x, y)",
    )  # fmt: skip


def _declarations(
    network: torch.nn.Module, planned: Sequence[PlannedBlock]
) -> Iterator[Mapping[str, str] | None]:
    """What may have been declared when the blocks got their names: nothing, else these modules."""
    yield None
    kinds = {one.name: one.kind for one in planned if one.kind in ("residual", "plain")}
    if len(kinds) == len(planned) and kinds.keys() <= {name for name, _ in modules_of(network)}:
        yield kinds


def _known(
    twin: torch.nn.Module, arguments: Arguments, chosen: Mapping[str, str] | None
) -> BlockMap | None:
    """The blocks in training mode, where they got their names; None where it does not run so."""
    _set_mode(twin, is_training=True)
    try:
        return found_in(twin, [arguments], chosen, None)
    except ProbeError:
        return None


def _surveyed(
    network: torch.nn.Module, arguments: Arguments, chosen: Mapping[str, str] | None
) -> tuple[Survey, BlockMap]:
    _set_mode(network, is_training=False)
    seed_generators()
    return survey(network, arguments, chosen)


def _set_mode(network: torch.nn.Module, *, is_training: bool) -> None:
    for module in network.modules():
        module.training = is_training


def _few(network: torch.nn.Module, arguments: Arguments) -> Arguments:
    """The first rows of arguments, where the network is; all of what are not alike in rows."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    values = [*arguments[0], *arguments[1].values()]
    sizes = {v.shape[0] if isinstance(v, torch.Tensor) and v.ndim else None for v in values}
    are_rows = len(sizes) == 1 and None not in sizes

    def small(tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.detach()[:ROWS] if are_rows else tensor.detach()
        return tensor.to(device, copy=True)

    moved: Any = mapped(arguments, small)
    return moved  # type: ignore[no-any-return]


def _check(
    network: torch.nn.Module, planned: Sequence[PlannedBlock], wanted: Mapping[str, Found],
    known: BlockMap,
) -> None:  # fmt: skip
    """That the blocks are what the plan says they are."""
    named = {block.name: block for block in known}
    for one in planned:
        block = wanted[one.name].block
        words = None
        if one.kind is not None and one.kind != block.kind:
            kind = shown(one.kind, VALUE)
            words = f"is a {block.kind} block here, and a {kind} one in the plan"
        elif one.parameters is not None and block.parameters not in (None, one.parameters):
            words = f"has {block.parameters:,} parameters here, and {one.parameters:,} in the plan"
        for key in ("shortcut", "activation"):
            said, here = getattr(one, key), getattr(named.get(one.name, block), key)
            if words is None and said is not None and said not in (here, getattr(block, key)):
                words = f"has the {key} {here} here, and {shown(said, VALUE)} in the plan"
        if words is not None:
            raise ProbeError.explain(
                "bypass", shown(one.name), f"in the {type(network).__name__} given it {words}",
                "give the network that the plan was made for",
            )  # fmt: skip
