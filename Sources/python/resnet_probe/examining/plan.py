"""Which blocks an examination removes, and what of it can be done."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.examining.base_pass import Passes
from resnet_probe.notices import ProbeError

#: What `blocks=` may be: name patterns, ordinals, a function of a block.
Chosen = str | Iterable[str | int] | Callable[[Block], bool] | None
#: Blocks that are removed together, ascending.
Ordinals = tuple[int, ...]


def planned_sets(
    blocks: BlockMap, chosen: Chosen, together: Sequence[Iterable[str | int]]
) -> list[Ordinals]:
    """Each chosen block by itself, then the sets of `together`.

    Raises:
        ProbeError: For names and numbers of no block.
    """
    sets: list[Ordinals] = [(ordinal,) for ordinal in _chosen(blocks, chosen)]
    for one in together:
        found = tuple(sorted(set(_chosen(blocks, one))))
        if len(found) == 1 and isinstance(one, (str, int)):
            raise ProbeError.explain(
                "examine", f"together={list(together)!r:.80}", f"{one!r} is one block, no set",
                "give a list of sets, each a list of names or numbers",
            )  # fmt: skip
        if found and found not in sets:
            sets.append(found)
    return sets


def what_fits(
    sets: Sequence[Ordinals], blocks: BlockMap, passes: Passes
) -> tuple[list[Ordinals], list[str]]:
    """The sets whose blocks were found in every batch, and a sentence for each other block."""
    missing = {
        block.ordinal
        for block in blocks
        if not all(block.ordinal in spots for spots in passes.spots)
    }
    sentences = []
    for ordinal in sorted({ordinal for one in sets for ordinal in one} & missing):
        is_there = any(ordinal in spots for spots in passes.spots)
        why = (
            "it does not run in every batch" if is_there
            else "it was not found in the eval-mode forward, which differs from the training one"
        )  # fmt: skip
        sentences.append(f"{blocks[ordinal].name} is left out: {why}")
    return [one for one in sets if not missing & set(one)], sentences


def _is_chosen(chosen: Callable[[Block], bool], block: Block) -> bool:
    try:
        return bool(chosen(block))
    except Exception as problem:
        words = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        raise ProbeError.explain(
            "examine", block.name, f"blocks= raised {words}", "give a function of a block"
        ) from problem


def _chosen(blocks: BlockMap, chosen: Any) -> list[int]:
    if chosen is None:
        return [block.ordinal for block in blocks]
    if callable(chosen):
        return [block.ordinal for block in blocks if _is_chosen(chosen, block)]
    wanted = [chosen] if isinstance(chosen, (str, int)) else list(chosen)
    found: list[int] = []
    for one in wanted:
        if isinstance(one, Block):
            one = one.name
        if isinstance(one, str):
            fits = [b.ordinal for b in blocks if b.name == one or fnmatch.fnmatchcase(b.name, one)]
        else:
            fits = [block.ordinal for block in blocks if block.ordinal == one]
        if not fits:
            raise ProbeError.explain(
                "examine", f"{one!r}", "no recorded block is called so",
                "print(probe.blocks) shows names and numbers",
            )  # fmt: skip
        found += fits
    return sorted(set(found))
