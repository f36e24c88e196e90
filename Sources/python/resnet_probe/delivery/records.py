"""Which records of a segment's file are whole."""

from __future__ import annotations

import os
import struct
import zlib

from resnet_probe.journal.wire import HEADER_LENGTH, MAXIMUM_RECORD_LENGTH

_FRAMING = struct.Struct("<II")
_LENGTH = struct.Struct("<I")


def whole_records_end(descriptor: int, end: int) -> int:
    """Where the last whole record within a file's first ``end`` bytes ends; 0: there is none.

    Whole is a record that has its length and its checksum. One record at a time is in memory.

    Raises:
        OSError: Where the file cannot be read.
    """
    at, whole = HEADER_LENGTH, 0
    while at + _FRAMING.size <= end:
        framing = os.pread(descriptor, _FRAMING.size, at)
        if len(framing) < _FRAMING.size:
            break
        length, checksum = _FRAMING.unpack(framing)
        if not 0 < length <= min(MAXIMUM_RECORD_LENGTH, end - at - _FRAMING.size):
            break
        payload = os.pread(descriptor, length, at + _FRAMING.size)
        at += _FRAMING.size + length
        if zlib.crc32(payload, zlib.crc32(framing[: _LENGTH.size])) == checksum:
            whole = at
    return whole
