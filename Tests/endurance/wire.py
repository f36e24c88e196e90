"""The bytes of a journal of one's own, by the encoder that wrote the golden journals."""

import dataclasses
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "Support" / "Oracles"))

import golden_journals as golden

#: Every frame has this many blocks.
BLOCKS = 2


@dataclasses.dataclass(frozen=True)
class Row:
    """A frame as the store must hold it."""

    run: str
    journal: str
    step: int
    wall_time: float
    loss: float
    gap: float  # the median gap of block 0


@dataclasses.dataclass(frozen=True)
class Journal:
    """One recorder's journal; its values follow from the step, so that a wrong row shows."""

    run: str
    journal: str
    shift: float = 0.0  # seconds that the recorder's clock is off

    @classmethod
    def new(cls, run: str | None = None, shift: float = 0.0) -> "Journal":
        """A journal of a run, or of a new run."""
        return cls(run or os.urandom(16).hex(), os.urandom(16).hex(), shift)

    def row(self, step: int) -> Row:
        """What the store must hold of a step."""
        wall_time = max(0.0, 1.75e9 + step + self.shift)
        return Row(
            self.run, self.journal, step, wall_time, 4.0 / (1 + step), (1 + step % 997) / 1024
        )

    def head(self, segment: int) -> bytes:
        """The segment's header, run opened and block map."""
        identity = bytes.fromhex(self.journal)
        opened = golden.run_opened(
            segment, journal=identity, run=bytes.fromhex(self.run), attempt=identity,
            name="endurance",
        )  # fmt: skip
        return golden.segment(segment, [opened, golden.block_map()], journal=identity)

    def frame(self, step: int, dropped: int = 0) -> bytes:
        """The record of a step."""
        row = self.row(step)
        return golden.record(golden.frame(step, row.gap, row.wall_time, row.loss, dropped))

    def finished(self, step: int) -> bytes:
        """The record that ends a journal in order."""
        return golden.record(golden.finished(step))

    def file_name(self, segment: int) -> str:
        """The name of a segment's file."""
        return f"{self.journal}.{segment}.rpj"


def steps_in(content: bytes) -> list[int]:
    """The steps of the whole frames in a segment's bytes: framing read without the encoder."""
    steps = []
    for payload in whole_payloads(content)[0]:
        if payload[0] == 3 << 3 | 2:
            body = payload[1 + _varint(payload, 1)[1] :]
            steps.append(_varint(body, 1)[0] if body[0] == 1 << 3 else 0)
    return steps


def whole_payloads(content: bytes) -> tuple[list[bytes], int]:
    """The payloads of the whole records in a segment's bytes, and where the last of them ends."""
    payloads, at = [], 24
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "little")
        payload = content[at + 8 : at + 8 + length]
        if length == 0 or len(payload) < length:
            break
        payloads.append(payload)
        at += 8 + length
    return payloads, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A varint's value and how many bytes it has."""
    value = length = 0
    while True:
        byte = data[at + length]
        value |= (byte & 0x7F) << 7 * length
        length += 1
        if not byte & 0x80:
            return value, length
