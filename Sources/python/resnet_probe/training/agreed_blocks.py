"""The block map that all ranks of a run share: rank 0's, whatever another's first forward held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from resnet_probe.blocks import Block, BlockMap
from resnet_probe.journal.frame import BlockStatistics

_FIELDS = tuple(field.name for field in fields(Block) if field.name != "site")

#: What two ranks' blocks of one name must have in common: else their numbers mean different things.
#: Shapes and multiply-accumulates may differ, as batches do.
_MEANING = ("name", "kind", "shortcut", "activation", "sample_axis")


@dataclass(frozen=True, slots=True)
class AgreedBlocks:
    """The run's blocks, and where those of this rank stand among them."""

    blocks: tuple[Block, ...]
    places: dict[int, int]  # from ordinals of this rank to the run's
    strange: tuple[str, ...] = ()  # names of blocks of this rank that are not the run's
    lacking: tuple[str, ...] = ()  # names of the run's blocks that this rank has not

    @classmethod
    def own(cls, blocks: BlockMap) -> AgreedBlocks:
        """Those of this rank, where it is rank 0 or alone."""
        return cls(tuple(blocks), {block.ordinal: block.ordinal for block in blocks})

    @classmethod
    def heard(cls, text: str, own: BlockMap) -> AgreedBlocks:
        """Those that rank 0 told, for a rank with blocks of its own."""
        told = [Block(**{**entry, **_shapes(entry)}) for entry in json.loads(text)]
        places_of = {_meaning(block): block.ordinal for block in told}
        places = {b.ordinal: places_of[_meaning(b)] for b in own if _meaning(b) in places_of}
        strange = tuple(block.name for block in own if block.ordinal not in places)
        found = set(places.values())
        lacking = tuple(block.name for block in told if block.ordinal not in found)
        return cls(tuple(told), places, strange, lacking)

    def told(self) -> str:
        """What rank 0 tells the others."""
        entries = [{name: getattr(block, name) for name in _FIELDS} for block in self.blocks]
        return json.dumps(entries, default=float)  # numbers of other libraries

    def placed(self, statistics: Sequence[BlockStatistics]) -> list[BlockStatistics]:
        """The statistics of this rank's blocks as those of the run's, in order."""
        kept = []
        for one in statistics:
            place = self.places.get(one.ordinal)
            if place is not None:
                one.ordinal = place
                kept.append(one)
        return sorted(kept, key=lambda one: one.ordinal)


def _meaning(block: Block) -> tuple[object, ...]:
    return tuple(getattr(block, name) for name in _MEANING)


def _shapes(entry: dict[str, list[int]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(entry[name]) for name in ("shape", "branch_shape")}
