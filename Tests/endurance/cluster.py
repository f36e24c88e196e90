"""A cluster: torchrun with four processes here, a daemon behind TLS and a token there, and each of them
killed in turn. The report misses nothing."""

import collections
import json
import pathlib
import random
import sqlite3
import subprocess

import rank_journals
from case import Options
from daemon import PROGRAM
from network import Network
from rank_journals import RankFrame, RankJournal
from scene import Scene
from torchrun import RANKS, ROWS, RUN, Torchrun, python
from waiting import expect, until
from wire import Journal

#: How many steps each start makes at least: a checkpoint is written among them.
ENOUGH = 20
BLOCKS = 3

FRAMES = """
  SELECT attempt.uuid, frame.rank, frame.step, frame.wall_time, frame.loss
  FROM frame JOIN attempt ON attempt.id = attempt_id JOIN run ON run.id = frame.run_id
  WHERE run.uuid = ?"""
OFFSETS = """
  SELECT journal.uuid, segment, offset FROM journal_segment
  JOIN journal ON journal.id = journal_id"""
STEPS = """
  SELECT step, ranks FROM run_step JOIN run ON run.id = run_id WHERE uuid = ? ORDER BY step"""
MERGED = """
  SELECT count(*) FROM block_step JOIN run ON run.id = run_id
  WHERE uuid = ? AND ranks = ? AND samples = ? AND identity_gap_n = ? AND residual_ratio_n = ?"""


def train(options: Options) -> str:
    """Daemon, each rank, and torchrun with all of them are killed, and started again: every measured
    step of all ranks is in the report."""
    python()
    with Scene() as scene:
        network = Network.new(scene.folder)
        scene.daemon.options = network.options
        torchrun = scene.add_torchrun(
            {
                "RESNET_PROBE_URL": network.url,
                "RESNET_PROBE_TOKEN": network.token,
                "RESNET_PROBE_CA": str(network.certificate),
            }
        )
        older = _leave_older(torchrun.spool, 5_000 if options.is_short else 50_000)
        torchrun.launch()
        torchrun.await_steps(ENOUGH)
        # Nobody listened until now: what waits is more than one body.
        scene.daemon.start_ready()
        until(lambda: _offset(scene.store, older) > 0, "what an earlier run left is delivered")
        scene.daemon.kill()
        dice = random.Random(options.seed)
        for _ in range(1 if options.is_short else 3):
            _kill_in_turn(scene, torchrun, dice)
        scene.daemon.kill()
        torchrun.end()
        expect("not delivered to https://" in torchrun.printed(), "what is left is said")
        scene.daemon.start_ready()
        told = torchrun.deliver()
        expect(told.startswith("delivered all "), f"deliver says what it did: {told}")
        damaged = list(torchrun.spool.rglob("*.damaged"))
        expect(not damaged, f"no segment is set aside as damaged: {damaged}")
        scene.daemon.stop()
        _check_secret(scene, torchrun, network)
        return _check(scene, torchrun, older)


def _kill_in_turn(scene: Scene, torchrun: Torchrun, dice: random.Random) -> None:
    """Kills each rank, which torchrun answers with a new start, and the daemon behind every other one;
    then torchrun with all ranks."""
    for rank in range(RANKS):
        killed = torchrun.kill_rank(rank)
        if scene.daemon.has_ended():
            scene.daemon.start_ready()
        torchrun.await_steps(dice.randint(ENOUGH, 2 * ENOUGH), killed)
        if rank % 2:
            scene.daemon.kill()
    killed = torchrun.kill_all()
    torchrun.launch()
    scene.daemon.start_ready()
    torchrun.await_steps(ENOUGH, killed)


def _leave_older(spool: pathlib.Path, steps: int) -> Journal:
    """What an earlier run left in the spool: more than a body holds."""
    journal = Journal.new()
    content = journal.head(0) + b"".join(map(journal.frame, range(steps)))
    (spool / journal.file_name(0)).write_bytes(content + journal.finished(steps - 1))
    return journal


def _connect(store: pathlib.Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=60)


def _offset(store: pathlib.Path, journal: Journal) -> int:
    """How much of a journal the store has."""
    connection = _connect(store)
    try:
        rows = connection.execute(OFFSETS).fetchall()
    finally:
        connection.close()
    return sum(offset for uuid, _, offset in rows if uuid == journal.journal)


def _check_secret(scene: Scene, torchrun: Torchrun, network: Network) -> None:
    """The token is in no log and no notice."""
    expect(network.token not in torchrun.printed(), "no notice shows the token")
    for log in scene.folder.glob("*.log"):
        expect(network.token not in log.read_text(errors="replace"), "no log shows the token")


def _check(scene: Scene, torchrun: Torchrun, older: Journal) -> str:
    """Holds store and report against the journals; what there was."""
    everything, lengths = rank_journals.read(torchrun.spool)
    journals = [journal for journal in everything if journal.run == RUN]
    expect(len(everything) == len(journals) + 1, "there is one run, and what an earlier one left")
    starts = _check_journals(torchrun, journals)
    connection = _connect(scene.store)
    try:
        frames = collections.Counter(frame for journal in journals for frame in journal.frames)
        held = collections.Counter(RankFrame(*row) for row in connection.execute(FRAMES, [RUN]))
        lost, surplus = frames - held, held - frames
        expect(not lost and not surplus, f"every frame once: lost {lost}, too many {surplus}")
        (kept,) = connection.execute(
            "SELECT count(*) FROM frame JOIN run ON run.id = run_id WHERE uuid = ?", [older.run]
        ).fetchone()
        (journal,) = [journal for journal in everything if journal.run == older.run]
        expect(kept == len(journal.frames), f"{kept} frames of the earlier run")
        offsets = {(uuid, number): at for uuid, number, at in connection.execute(OFFSETS)}
        expect(offsets == lengths, f"every segment is taken in to its end: {offsets}, {lengths}")
        steps = connection.execute(STEPS, [RUN]).fetchall()
        last = max(frame.step for frame in frames)
        expect(
            steps == [(step, RANKS) for step in range(last + 1)],
            f"every step of all ranks: {[row for row in steps if row[1] != RANKS]}",
        )
        rows = RANKS * ROWS
        (merged,) = connection.execute(MERGED, [RUN, RANKS, rows, rows, rows]).fetchone()
        expect(merged == BLOCKS * len(steps), f"{merged} records of the whole batch")
        integrity = connection.execute("PRAGMA integrity_check").fetchall()
        expect(integrity == [("ok",)], f"integrity_check says {integrity[:3]}")
    finally:
        connection.close()
    _check_report(scene, starts, last)
    return (
        f"{frames.total()} frames of {len(journals)} journals, {last + 1} steps of {starts} starts, "
        f"daemon started {scene.daemon.starts} times"
    )


def _check_journals(torchrun: Torchrun, journals: list[RankJournal]) -> int:
    """The last start's journals hold what its processes noted; how many starts there were."""
    attempts = collections.Counter(journal.attempt for journal in journals)
    expect(set(attempts.values()) == {RANKS}, f"every rank of each start: {attempts}")
    start = torchrun.latest()
    last = [journal for journal in journals if journal.has_completed]
    expect(sorted(journal.rank for journal in last) == list(range(RANKS)), "one start completes")
    for journal in last:
        steps = [frame.step for frame in journal.frames]
        expect(steps == start.steps[journal.rank], "every step that a process noted is written")
        expect(journal.first_step == start.first_step, "it went on from the checkpoint")
    return len(attempts)


def _check_report(scene: Scene, starts: int, last: int) -> None:
    outcome = subprocess.run(
        [PROGRAM, "report", f"--run={RUN}", "--json", f"--store={scene.store}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    expect(outcome.returncode == 0, f"there is a report: {outcome.stderr}")
    report = json.loads(outcome.stdout)
    wanted = {
        "status": "completed", "attempts": starts, "world_size": RANKS, "ranks": list(range(RANKS)),
        "blocks": BLOCKS, "frames": last + 1, "first_step": 0, "last_step": last,
        "dropped_frames": 0, "rejected_records": 0,
    }  # fmt: skip
    found = {key: report["run"][key] for key in wanted}
    expect(found == wanted, f"the report is of all: {found}, not {wanted}")
    kinds = {finding["kind"] for finding in report["findings"]}
    wrong = {"missing_ranks", "stopped_ranks", "silent_blocks", "dropped_frames", "newer_recorder"}
    expect(not kinds & wrong, f"no rank, step or block is missed: {report['findings']}")
