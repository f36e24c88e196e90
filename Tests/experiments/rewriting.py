"""A run's journal written once more with other numbers in it, as a run of its own."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from frames import RecordedFrame
from journals import BLOCK_MAP, FRAME, RUN_OPENED, Record, fields, payloads, records
from resnet_probe.journal import wire
from resnet_probe.journal.frame import BlockStatistics, Frame
from resnet_probe.journal.run import RunOpened

from experiments.scene import Scene, fresh_identity


def rewritten(scene: Scene, run: str, change: Callable[[BlockStatistics], BlockStatistics]) -> str:
    """The identity of a copy of a run whose block statistics went through `change`."""
    copy = bytes.fromhex(fresh_identity())
    opened = RunOpened(copy, copy, f"copy of {run}", started_at=1.75e9)
    for path in _segments(scene, run):
        number = int(path.name.split(".")[1])
        content = wire.header(copy, number) + wire.framed(wire.opened_record(opened, copy, number))
        blocks = 0
        for payload, record in zip(*_both(path), strict=True):
            if record.kind == BLOCK_MAP:
                blocks = len(record.fields[1])
                content += wire.framed(payload)
            elif record.kind == FRAME:
                frame = _frame(record, change)
                content += wire.framed(wire.frame_record(frame, blocks))
            elif record.kind != RUN_OPENED:
                content += wire.framed(payload)
        scene.leave(wire.file_name(copy, number), content)
    return copy.hex()


def _segments(scene: Scene, run: str) -> list[pathlib.Path]:
    """The segments of a run of one process, wherever in the spool they lie."""
    scene.take_in()
    found = []
    for path in scene.spool.rglob("*.rpj"):
        head = next(payloads(path.read_bytes()))
        ((_, (opened,)),) = fields(head).items()
        assert isinstance(opened, bytes)
        if fields(opened)[3] == [bytes.fromhex(run)]:
            found.append(path)
    assert found, f"there is no journal of {run}"
    return sorted(found)


def _both(path: pathlib.Path) -> tuple[list[bytes], list[Record]]:
    segment = path.read_bytes()
    return list(payloads(segment)), records(segment)


def _frame(record: Record, change: Callable[[BlockStatistics], BlockStatistics]) -> Frame:
    recorded = RecordedFrame(record)
    return Frame(
        recorded.step, record.number(2), recorded.loss, recorded.learning_rate,
        recorded.loss_scale, recorded.skipped, record.number(7), recorded.dropped_frames,
        [change(block) for block in recorded.blocks], recorded.metrics,
    )  # fmt: skip
