"""The one line at the first measured step, and why there is nothing to tell."""

from __future__ import annotations

from collections.abc import Collection

from resnet_probe.blocks import BlockMap
from resnet_probe.training.compilation import has_compiled

#: The most block names that a line names.
MOST_NAMES = 3

_REASONS = {
    "eval": "the network ran in eval mode only (call model.train())",
    "no_grad": "the network ran without gradients only",
    "transform": "the network ran inside a function transform (vmap, grad) only",
    "no backward": "no backward pass reached the network's output",
}


def summary_line(
    name: str, run: str, blocks: BlockMap, fired: Collection[int], with_gradient: Collection[int]
) -> str:
    """Blocks found, firing and silent, and how many sums were not taken for blocks.

    `run` is the run in words.
    """
    parts = [f"recording {name[:64]!r} ({run}): {blocks.summary()}"]
    silent = [block.name for block in blocks if block.ordinal not in fired]
    parts.append(f"{len(fired)} firing")
    if silent:
        parts.append(f"{len(silent)} silent, as their modules did not run ({first_names(silent)})")
    blind = [b.name for b in blocks if b.ordinal in fired and b.ordinal not in with_gradient]
    if blind:
        parts.append(
            f"{len(blind)} without gradient, as no backward pass or more than one reached them "
            f"({first_names(blind)})"
        )
    if blocks.remarks:
        number = len(blocks.remarks)
        parts.append(
            f"{number} place{'s' * (number > 1)} not taken for blocks (print(probe.blocks))"
        )
    return "; ".join(parts)


def why_nothing(reasons: Collection[str]) -> str:
    """Why a step ended of which nothing was recorded."""
    known = [_REASONS.get(reason, reason) for reason in reasons]
    why = "; ".join(known)
    if not why and has_compiled():
        why = (
            "its forward never ran, or it ran within a compiled function, where no hook sees it:"
            " compile the network itself (torch.compile(model)), not the function that calls it,"
            " and attach to the very module that the loop calls"
        )
    elif not why:
        why = "its forward never ran: attach to the very module that the loop calls"
    return f"nothing is recorded of the attached network: {why}"


def first_names(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(names[:MOST_NAMES])
    return shown + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
