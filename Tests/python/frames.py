"""Frames of a journal as the values that a recorder made them of."""

import pathlib

from resnet_probe.journal.frame import BlockStatistics, LogDistribution, Moments, Pooled

from journals import FRAME, RUN_OPENED, Fields, Folder, Record, fields, records

LOGS = {7: "identity_gap", 9: "residual_ratio"}
MOMENTS = {
    10: "cosine",
    11: "perpendicular_ratio",
    12: "angular_distance",
    13: "block_influence",
    16: "output_grad_norm",
    17: "branch_gain",
    18: "taylor_importance",
}
POOLED = {
    14: "stream_rms",
    15: "branch_rms",
    25: "constant_fraction",
    26: "dead_fraction",
    27: "absorbed_fraction",
}
NUMBERS = {
    19: "taylor_signed_mean",
    20: "gate_gradient",
    21: "weight_norm",
    22: "gradient_norm",
    23: "update_ratio",
    24: "gate_rms",
}


class RecordedFrame:
    """One frame as it was read back."""

    def __init__(self, record: Record) -> None:
        self.step = int(record.number(1))
        self.skipped = bool(record.number(6))
        self.dropped_frames = int(record.number(8))
        self.loss = _optional(record.fields, 3)
        self.learning_rate = _optional(record.fields, 4)
        self.loss_scale = _optional(record.fields, 5)
        self.metrics = record.metrics()
        self.blocks = [_block(fields(_bytes(part))) for part in record.fields.get(9, [])]

    def __getitem__(self, ordinal: int) -> BlockStatistics:
        return next(block for block in self.blocks if block.ordinal == ordinal)


def frames_in(path: pathlib.Path) -> list[RecordedFrame]:
    """The frames of the only journal of a spool, in order."""
    return [RecordedFrame(record) for record in Folder(path).of(FRAME)]


def frames_by_run(path: pathlib.Path) -> dict[str, list[RecordedFrame]]:
    """The frames of all journals of a spool by the label of their run."""
    found: dict[str, list[RecordedFrame]] = {}
    for segment in sorted(path.glob("*.rpj")):
        head, *rest = records(segment.read_bytes())
        assert head.kind == RUN_OPENED
        name = _bytes(head.fields[5][0]).decode()
        frames = [RecordedFrame(record) for record in rest if record.kind == FRAME]
        found.setdefault(name, []).extend(frames)
    return found


def _bytes(value: "int | float | bytes") -> bytes:
    assert isinstance(value, bytes)
    return value


def _number(message: Fields, field: int) -> float:
    value = message.get(field, [0])[-1]
    assert not isinstance(value, bytes)
    return value


def _optional(message: Fields, field: int) -> float | None:
    return _number(message, field) if field in message else None


def _moments(message: Fields) -> Moments:
    return Moments(int(_number(message, 1)), _number(message, 2), _number(message, 3))


def _logs(message: Fields) -> LogDistribution:
    logs = fields(_bytes(message[2][0])) if 2 in message else {}
    p50, p90, p99, top = (_number(message, field) for field in (3, 4, 5, 6))
    return LogDistribution(int(_number(message, 1)), _moments(logs), p50, p90, p99, top)


def _block(message: Fields) -> BlockStatistics:
    counters = (int(_number(message, field)) for field in range(1, 7))
    block = BlockStatistics(*counters)
    for field, name in LOGS.items():
        if field in message:
            setattr(block, name, _logs(fields(_bytes(message[field][0]))))
    for field, name in MOMENTS.items():
        if field in message:
            setattr(block, name, _moments(fields(_bytes(message[field][0]))))
    for field, name in POOLED.items():
        if field in message:
            part = fields(_bytes(message[field][0]))
            setattr(block, name, Pooled(int(_number(part, 1)), _number(part, 2)))
    for field, name in NUMBERS.items():
        setattr(block, name, _optional(message, field))
    if 8 in message:
        part = fields(_bytes(message[8][0]))
        slots = _bytes(part[1][0])
        counts = fields(b"".join(b"\x08" + one for one in _varints(_bytes(part[2][0]))))[1]
        block.identity_gap_histogram = {s: int(c) for s, c in zip(slots, counts, strict=True)}
    return block


def _varints(packed: bytes) -> list[bytes]:
    found, start = [], 0
    for place, byte in enumerate(packed):
        if byte < 0x80:
            found.append(packed[start : place + 1])
            start = place + 1
    return found
