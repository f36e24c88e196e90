"""What a dense block reads of the maps that were made before it, as a protobuf message."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_probe.journal.head_wire import ExaminationHead, head_body
from resnet_probe.journal.protobuf import delimited, double, integer

REUSE = 7
"""The number of the record's kind."""


@dataclass(frozen=True, slots=True)
class Source:
    """Maps that a dense block reads, by what made them."""

    ordinal: int | None
    """The block that made them; ``None``: the input of the stage."""
    maps: int
    """How many, at least 1."""
    mean_weight: float
    """Mean |w| of the reader's first weights over these maps; finite."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """One row of the reuse matrix."""

    reader: int
    """The block's place in the block map."""
    sources: tuple[Source, ...]
    """At least one: the input of the stage, then earlier blocks, ascending."""


def reuse_record(head: ExaminationHead, reuse: Reuse) -> bytes:
    """The payload of one reader."""
    body = head_body(head) + integer(9, reuse.reader)
    for source in reuse.sources:
        own = b"" if source.ordinal is None else integer(1, source.ordinal, always=True)
        own += integer(2, source.maps) + double(3, source.mean_weight)
        body += delimited(10, own)
    return delimited(REUSE, body)
