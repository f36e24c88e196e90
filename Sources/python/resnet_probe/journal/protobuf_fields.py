"""Reads protobuf's wire format, as far as a recorder reads what it wrote before."""

from __future__ import annotations

import struct

Value = int | float | bytes
"""A field's value: a number, or the bytes of a text or a message."""


def fields_of(message: bytes) -> dict[int, Value]:
    """The last value of each field of a message.

    Raises:
        IndexError, ValueError, struct.error: Where it is none.
    """
    found: dict[int, Value] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            found[number], at = _varint(message, at)
        elif wire_type == 1:
            (found[number],) = struct.unpack_from("<d", message, at)
            at += 8
        elif wire_type == 2:
            length, at = _varint(message, at)
            found[number] = message[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {wire_type}")
    return found


def varints_in(message: bytes) -> list[int]:
    """Packed unsigned integers.

    Raises:
        IndexError: Where the last is cut off.
    """
    found, at = [], 0
    while at < len(message):
        value, at = _varint(message, at)
        found.append(value)
    return found


def number_in(value: Value) -> float:
    """A field's number.

    Raises:
        TypeError: Where it is a message.
    """
    if isinstance(value, bytes):
        raise TypeError("a number is a message")
    return value


def bytes_in(value: Value) -> bytes:
    """A field's bytes, or message.

    Raises:
        TypeError: Where it is a number.
    """
    if not isinstance(value, bytes):
        raise TypeError("a message is a number")
    return value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
