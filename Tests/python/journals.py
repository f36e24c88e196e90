"""Reads journals back, by the wire format's document and not by the code under test."""

import fcntl
import pathlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "Tests" / "Support" / "Fixtures"

RUN_OPENED, BLOCK_MAP, FRAME, METRICS, ATTEMPT_FINISHED = 1, 2, 3, 4, 5

Fields = dict[int, list["int | float | bytes"]]


@dataclass(frozen=True)
class MapBlock:
    """A block as a journal keeps it."""

    ordinal: int
    name: str
    kind: str = "residual"
    shortcut: str = "identity"
    stage: int = 0
    sample_axis: str = "row"
    activation: str = "identity"
    shape: tuple[int, ...] = ()
    parameters: int | None = None
    macs: int | None = None
    gate: str | None = None
    drop_probability: float | None = None


def residual_blocks(count: int) -> list[MapBlock]:
    return [MapBlock(ordinal, f"layer.{ordinal}") for ordinal in range(count)]


def fields(message: bytes) -> Fields:
    """The fields of a message by number, each with all its values."""
    result: Fields = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        number, wire_type = divmod(varint(), 8)
        value: int | float | bytes
        if wire_type == 0:
            value = varint()
        elif wire_type == 1:
            value = struct.unpack_from("<d", message, at)[0]
            at += 8
        else:
            assert wire_type == 2
            length = varint()
            value = message[at : at + length]
            assert len(value) == length
            at += length
        result.setdefault(number, []).append(value)
    return result


def payloads(segment: bytes) -> Iterator[bytes]:
    """The payloads of a segment, which must be whole and undamaged."""
    assert segment[:4] == b"RPJ1"
    at = 24
    while at < len(segment):
        length, checksum = struct.unpack_from("<II", segment, at)
        payload = segment[at + 8 : at + 8 + length]
        assert 0 < len(payload) == length <= 4 << 20
        assert zlib.crc32(segment[at : at + 4] + payload) == checksum
        yield payload
        at += 8 + length


@dataclass(frozen=True)
class Record:
    """One record of a journal."""

    kind: int
    fields: Fields

    def number(self, field: int) -> float:
        """A number of the record, 0 where it is left out."""
        value = self.fields.get(field, [0])[-1]
        assert isinstance(value, int | float)
        return value

    def metrics(self) -> dict[str, float]:
        """The metrics of a frame or of a metrics record."""
        result = {}
        for metric in self.fields.get(10 if self.kind == FRAME else 2, []):
            assert isinstance(metric, bytes)
            parts = fields(metric)
            key, value = parts[1][0], parts.get(2, [0.0])[0]
            assert isinstance(key, bytes)
            assert isinstance(value, float)
            result[key.decode()] = value
        return result


def records(segment: bytes) -> list[Record]:
    result = []
    for payload in payloads(segment):
        ((kind, values),) = fields(payload).items()
        assert len(values) == 1
        assert isinstance(values[0], bytes)
        result.append(Record(kind, fields(values[0])))
    return result


class Folder:
    """A spool as a test looks at it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    @property
    def segments(self) -> list[pathlib.Path]:
        """The segments by number."""
        return sorted(self.path.glob("*.rpj"), key=lambda path: int(path.name.split(".")[1]))

    def records(self) -> list[Record]:
        """The records of all segments in order, without the heads."""
        result = []
        for path in self.segments:
            head, blocks, *rest = records(path.read_bytes())
            assert (head.kind, blocks.kind) == (RUN_OPENED, BLOCK_MAP)
            result += rest
        return result

    def of(self, kind: int) -> list[Record]:
        return [record for record in self.records() if record.kind == kind]

    def steps(self) -> list[int]:
        """The steps of all frames in order."""
        return [int(frame.number(1)) for frame in self.of(FRAME)]


def can_lock(path: pathlib.Path) -> bool:
    """Whether no living recorder holds a segment."""
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
