"""What the same examination measured before, maybe in a process that was killed: in the spool."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from resnet_probe.delivery.segments import parse_file_name
from resnet_probe.journal.ablation_wire import (
    ABLATION,
    Ablation,
    Value,
    fields_of,
    read_ablation,
)
from resnet_probe.journal.protobuf import tag
from resnet_probe.journal.spool import SpoolFolder, own_files
from resnet_probe.journal.wire import HEADER_LENGTH, MAXIMUM_RECORD_LENGTH

_FRAMING = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_IS_ABLATION = tag(ABLATION, 2)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An ablation that lies in the spool, and the attempt that measured it."""

    ablation: Ablation
    attempt: bytes


def measured_before(
    folder: SpoolFolder, run: bytes, attempt: bytes, examination: bytes
) -> dict[tuple[int, ...], Earlier]:
    """The ablations of an examination by their ordinals, from the segments of one run.

    Of one that several attempts measured, this `attempt`'s. Complexity: reads the head of every
    segment in the spool, and all of those of the run.
    """
    found: dict[tuple[int, ...], Earlier] = {}
    for descriptor in _segments(folder):
        try:
            for one in _ablations(descriptor, run):
                known = found.get(one.ablation.ordinals)
                if one.ablation.examination == examination and (
                    known is None or known.attempt != attempt
                ):
                    found[one.ablation.ordinals] = one
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


def _ablations(descriptor: int, run: bytes) -> Iterator[Earlier]:
    """The ablations of a segment, if it is one of the run's."""
    attempt = b""
    for number, payload in enumerate(_payloads(descriptor)):
        if number == 0:
            opened = _message(payload, 1)
            if opened.get(3) != run:
                return
            stated = opened.get(4)
            attempt = stated if isinstance(stated, bytes) else b""
        elif payload.startswith(_IS_ABLATION):
            body = fields_of(payload).get(ABLATION)
            if isinstance(body, bytes):
                yield Earlier(read_ablation(body), attempt)


def _message(payload: bytes, kind: int) -> dict[int, Value]:
    """The fields of a record of one kind; none where it is of another."""
    body = fields_of(payload).get(kind)
    return fields_of(body) if isinstance(body, bytes) else {}


def _payloads(descriptor: int) -> Iterator[bytes]:
    """The opening of a segment and its ablations, up to what is not whole.

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
        if at == HEADER_LENGTH or start[_FRAMING.size :] == _IS_ABLATION:
            payload = os.pread(descriptor, length, at + _FRAMING.size)
            if zlib.crc32(payload, zlib.crc32(start[: _LENGTH.size])) != checksum:
                return
            yield payload
        at += _FRAMING.size + length
