"""Which blocks a user chose to record, by a map of blocks or by a selector of names."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from resnet_probe.blocks import Block, BlockMap, renumbered

#: What `blocks=` may be besides a map of blocks: name patterns, a function of a block, or a user's
#: own map from module names to kinds.
Selector = str | Sequence[str] | Callable[[Block], bool] | Mapping[str, str]


def given_map(blocks: Any) -> BlockMap | None:
    """The map that `blocks=` is; None where it is a selector or nothing.

    Raises:
        ValueError: Where it is neither, in one line.
    """
    if blocks is None or callable(blocks) or isinstance(blocks, (str, Mapping)):
        return None
    if isinstance(blocks, BlockMap):
        return BlockMap(renumbered(list(blocks)), blocks.remarks)
    if isinstance(blocks, Iterable):
        parts = list(blocks)
        if parts and all(isinstance(part, Block) for part in parts):
            return BlockMap(renumbered(parts))
        if parts and all(isinstance(part, str) for part in parts):
            return None
    raise ValueError(
        "blocks is none of: a map or a list of blocks from find_blocks, name patterns"
        ' ("layer3.*"), a function of a block, a mapping of module names to kinds'
    )


def selected(found: BlockMap, selector: Selector | None) -> BlockMap:
    """The blocks that a selector chooses, numbered anew; all where there is none."""
    if selector is None or isinstance(selector, Mapping):
        return found
    if callable(selector):
        chosen = [block for block in found if selector(block)]
    else:
        patterns = [selector] if isinstance(selector, str) else list(selector)
        chosen = [b for b in found if any(fnmatch.fnmatchcase(b.name, p) for p in patterns)]
    return BlockMap(renumbered(chosen), found.remarks)
