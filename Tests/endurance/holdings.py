"""What a store holds, read with Python's own SQLite, and whether it is exactly the truth."""

import collections
import pathlib
import sqlite3
from collections.abc import Iterable

from waiting import Broken, expect, until
from wire import BLOCKS, Row

FRAMES = """
  SELECT run.uuid, journal.uuid, frame.step, frame.wall_time, frame.loss, s.identity_gap_p50
  FROM frame
  JOIN run ON run.id = frame.run_id
  JOIN journal USING (run_id, attempt_id, rank)
  LEFT JOIN block ON block.run_id = frame.run_id AND block.ordinal = 0
  LEFT JOIN block_statistics AS s ON s.run_id = frame.run_id AND s.attempt_id = frame.attempt_id
    AND s.rank = frame.rank AND s.step = frame.step AND s.block_id = block.id"""

# Rows and rollups come in one transaction: each length of span must count every frame once.
ROLLUPS = """
  SELECT span, sum(identity_gap_n) FROM block_rollup JOIN block ON block.id = block_id
  WHERE ordinal = 0 GROUP BY span"""


def _connect(store: pathlib.Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=60)


def count(store: pathlib.Path) -> int:
    """How many frames a store holds now; 0 where there is none yet."""
    try:
        connection = _connect(store)
        try:
            return int(connection.execute("SELECT count(*) FROM frame").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return 0


def await_frames(store: pathlib.Path, frames: int, seconds: float = 180) -> None:
    """Waits until a store holds at least so many frames."""
    try:
        until(lambda: count(store) >= frames, "", seconds)
    except Broken:
        raise Broken(
            f"{count(store)} of {frames} frames are in the store after {seconds:.0f} s"
        ) from None


def check(store: pathlib.Path, truth: Iterable[Row]) -> int:
    """Holds a store against the truth, frame by frame; how many frames that were."""
    expected = collections.Counter(truth)
    connection = _connect(store)
    try:
        held = collections.Counter(Row(*row) for row in connection.execute(FRAMES))
        lost, surplus = expected - held, held - expected
        expect(
            not lost and not surplus,
            f"every ended frame once: {lost.total()} lost, {surplus.total()} too many, "
            f"of {expected.total()}; lost {_some(lost)}, too many {_some(surplus)}",
        )
        frames = expected.total()
        for table, factor in (("block_statistics", BLOCKS), ("metric", 1)):
            rows = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            expect(rows == factor * frames, f"{rows} rows in {table} for {frames} frames")
        for span, counted in connection.execute(ROLLUPS):
            expect(counted == frames, f"rollups of {span} steps count {counted} of {frames} frames")
        rejected = connection.execute("SELECT total(rejected_records) FROM journal").fetchone()[0]
        expect(rejected == 0, f"no record is passed over; {rejected:.0f} were")
        damaged = connection.execute("SELECT damage FROM journal_segment WHERE damage > ''")
        expect(not (found := damaged.fetchall()), f"no segment is damaged: {found[:3]}")
        integrity = connection.execute("PRAGMA integrity_check").fetchall()
        expect(integrity == [("ok",)], f"integrity_check says {integrity[:3]}")
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        expect(not orphans, f"foreign_key_check says {orphans[:3]}")
        return frames
    finally:
        connection.close()


def _some(rows: collections.Counter[Row]) -> str:
    return ", ".join(f"{row.journal[:8]} step {row.step}" for row in list(rows)[:5]) or "none"
