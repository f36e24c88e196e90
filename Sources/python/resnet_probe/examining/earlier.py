"""What the same examination measured before, maybe in a process that was killed: in the spool."""

from __future__ import annotations

import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from resnet_probe.delivery.segments import parse_file_name
from resnet_probe.examining.orders import Key
from resnet_probe.examining.plan import Ordinals
from resnet_probe.journal.ablation_wire import ABLATION, Ablation, read_ablation
from resnet_probe.journal.protobuf import tag
from resnet_probe.journal.protobuf_fields import Value, fields_of
from resnet_probe.journal.removal_order_wire import (
    REMOVAL_ORDER,
    RemovalOrder,
    read_removal_order,
)
from resnet_probe.journal.spool import SpoolFolder, own_files
from resnet_probe.journal.wire import HEADER_LENGTH, MAXIMUM_RECORD_LENGTH

_FRAMING = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_KINDS = (tag(ABLATION, 2), tag(REMOVAL_ORDER, 2))


@dataclass(slots=True)
class Earlier:
    """What lies in the spool of one examination, each with whether this attempt wrote it."""

    ablations: dict[Ordinals, tuple[Ablation, bool]] = field(default_factory=dict)
    #: Of each order the block at a place.
    orders: dict[Key, dict[int, tuple[int, bool]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def take(self, record: Ablation | RemovalOrder, *, is_own: bool) -> None:
        """Takes a record in; what this attempt wrote goes before what others did."""
        if isinstance(record, Ablation):
            _, has_own = self.ablations.get(record.ordinals, (None, False))
            if not has_own:
                self.ablations[record.ordinals] = record, is_own
            return
        places = self.orders[record.strategy, record.number]
        for place, ordinal in enumerate(record.ordinals, start=record.place):
            _, has_own = places.get(place, (None, False))
            if not has_own:
                places[place] = ordinal, is_own


def measured_before(folder: SpoolFolder, run: bytes, attempt: bytes, examination: bytes) -> Earlier:
    """The records of an examination, from the segments of one run.

    Complexity: reads the head of every segment in the spool, and all of those of the run.
    """
    found = Earlier()
    for descriptor in _segments(folder):
        try:
            for record, of, by in _records(descriptor, run):
                if of == examination:
                    found.take(record, is_own=by == attempt)
        except (OSError, ValueError, IndexError, struct.error):
            continue  # damaged, or gone: what it held is measured again
        finally:
            os.close(descriptor)
    return found


def _segments(folder: SpoolFolder) -> Iterator[int]:
    """Descriptors of the segments that wait or were delivered, to be closed by the caller."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    for name in (".", "delivered"):
        try:
            place = os.open(name, flags | os.O_DIRECTORY, dir_fd=folder.descriptor)
        except OSError:
            continue
        try:
            for file in own_files(place):
                if parse_file_name(file.name) is None:
                    continue
                try:
                    yield os.open(file.name, flags, dir_fd=place)
                except OSError:
                    continue  # moved aside since
        finally:
            os.close(place)


def _records(descriptor: int, run: bytes) -> Iterator[tuple[Ablation | RemovalOrder, bytes, bytes]]:
    """The ablations and orders of a segment, if it is one of the run's.

    Each with its examination and its attempt.
    """
    attempt = b""
    for number, payload in enumerate(_payloads(descriptor)):
        if number == 0:
            opened = _message(payload, 1)
            if opened.get(3) != run:
                return
            stated = opened.get(4)
            attempt = stated if isinstance(stated, bytes) else b""
            continue
        for kind, body in fields_of(payload).items():
            if kind == ABLATION and isinstance(body, bytes):
                ablation = read_ablation(body)
                yield ablation, ablation.examination, attempt
            elif kind == REMOVAL_ORDER and isinstance(body, bytes):
                head, order = read_removal_order(body)
                yield order, head.examination, attempt


def _message(payload: bytes, kind: int) -> dict[int, Value]:
    """The fields of a record of one kind; none where it is of another."""
    body = fields_of(payload).get(kind)
    return fields_of(body) if isinstance(body, bytes) else {}


def _payloads(descriptor: int) -> Iterator[bytes]:
    """The opening of a segment and its ablations and orders, up to what is not whole.

    Frames, which are most of it, are passed over by their length.
    """
    at = HEADER_LENGTH
    while True:
        start = os.pread(descriptor, _FRAMING.size + 1, at)
        if len(start) <= _FRAMING.size:
            return
        length, checksum = _FRAMING.unpack_from(start)
        if not 0 < length <= MAXIMUM_RECORD_LENGTH:
            return
        if at == HEADER_LENGTH or start[_FRAMING.size :] in _KINDS:
            payload = os.pread(descriptor, length, at + _FRAMING.size)
            if zlib.crc32(payload, zlib.crc32(start[: _LENGTH.size])) != checksum:
                return
            yield payload
        at += _FRAMING.size + length
