"""Protobuf's wire format, as far as a recorder writes it.

Fields at their default are left out, as protobuf's own encoders do; an ``optional`` field is
written with ``always``. Field numbers go up to 2047: tags are made once and kept.
"""

import struct

_DOUBLE = struct.Struct("<d")
_ZERO = bytes(8)


def _long_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_SHORT = tuple(_long_varint(value) for value in range(1 << 12))


def varint(value: int) -> bytes:
    """A number from 0 to 2⁶⁴ − 1 in base 128, least significant group first."""
    return _SHORT[value] if 0 <= value < 4096 else _long_varint(value)


def tag(field: int, wire_type: int) -> bytes:
    """A field's number and how its value is written: 0 varint, 1 eight bytes, 2 length first."""
    return varint(field << 3 | wire_type)


def integer(field: int, value: int, always: bool = False) -> bytes:
    """A field of an unsigned integer, a truth value or an enumeration."""
    return tag(field, 0) + varint(value) if value or always else b""


def double(field: int, value: float, always: bool = False) -> bytes:
    """A field of a double; of the two zeros only the positive one is the default."""
    encoded = _DOUBLE.pack(value)
    return tag(field, 1) + encoded if always or encoded != _ZERO else b""


def delimited(field: int, value: bytes) -> bytes:
    """A field of bytes or of a message, which may be empty."""
    return tag(field, 2) + varint(len(value)) + value


def text(field: int, value: str, always: bool = False) -> bytes:
    """A field of a text, which must have no lone surrogates."""
    return delimited(field, value.encode()) if value or always else b""


def packed(field: int, values: list[int]) -> bytes:
    """A field of repeated unsigned integers."""
    return delimited(field, b"".join(map(varint, values))) if values else b""
