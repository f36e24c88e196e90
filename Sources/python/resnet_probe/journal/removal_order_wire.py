"""In which order an examination removes blocks, as a protobuf message."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal, get_args

from resnet_probe.journal.head_wire import ExaminationHead, head_body, head_in
from resnet_probe.journal.protobuf import delimited, integer, packed
from resnet_probe.journal.protobuf_fields import bytes_in, fields_of, number_in, varints_in

REMOVAL_ORDER = 9
"""The number of the record's kind."""

Strategy = Literal["greedy", "deepest_first", "random"]
"""How the order came about; in the order of their numbers on the wire."""

_STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@dataclass(frozen=True, slots=True)
class RemovalOrder:
    """Blocks in the order of their removal: a whole order, or a part of one that grows."""

    strategy: Strategy
    """How it came about."""
    number: int
    """Which of the strategy's orders, from 0."""
    place: int
    """Of the first of these blocks in the order, from 0."""
    ordinals: tuple[int, ...]
    """The blocks from there on, distinct, in the order of removal."""


def removal_order_record(head: ExaminationHead, order: RemovalOrder) -> bytes:
    """The payload of an order."""
    body = head_body(head) + integer(9, _STRATEGIES.index(order.strategy))
    body += integer(10, order.number) + integer(11, order.place)
    return delimited(REMOVAL_ORDER, body + packed(12, list(order.ordinals)))


def read_removal_order(body: bytes) -> tuple[ExaminationHead, RemovalOrder]:
    """The order that a record's message holds, and the examination that it is of.

    Raises:
        ValueError: Where it is none that a recorder wrote.
    """
    try:
        found = fields_of(body)
        return head_in(found), RemovalOrder(
            strategy=_STRATEGIES[int(number_in(found.get(9, 0)))],
            number=int(number_in(found.get(10, 0))),
            place=int(number_in(found.get(11, 0))),
            ordinals=tuple(varints_in(bytes_in(found.get(12, b"")))),
        )
    except (IndexError, KeyError, struct.error, TypeError) as problem:
        raise ValueError(f"no removal order: {problem}") from None
