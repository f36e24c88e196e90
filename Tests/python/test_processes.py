"""Recordings in processes that are killed, forked and limited; and what the command reads."""

import json
import pathlib
import signal

from journals import ATTEMPT_FINISHED, FRAME, METRICS, Folder, can_lock
from processes import command, finished, start


def query(store: pathlib.Path, sql: str) -> list[dict[str, object]]:
    rows = json.loads(command("query", sql, "--json", "--store", store))
    assert isinstance(rows, list)
    return rows


def test_a_killed_process_leaves_every_frame_but_the_one_that_waits(
    tmp_path: pathlib.Path,
) -> None:
    process = start(
        """
recording = recording_in(sys.argv[1], period=1e6)
for step in range(10_000_000):
    recording.put(frame(step))
    recording.log(step, {"accuracy": 0.5})
    print(step, flush=True)
""",
        tmp_path / "spool",
    )
    with process:
        assert process.stdout is not None
        last = [int(process.stdout.readline()) for _ in range(200)][-1]
        process.send_signal(signal.SIGKILL)
    (segment,) = Folder(tmp_path / "spool").segments
    store = tmp_path / "store.sqlite"
    command("ingest", segment, "--store", store)
    (row,) = query(store, "SELECT count(*) AS frames, max(step) AS last FROM frame")
    assert row["frames"] == int(str(row["last"])) + 1
    assert int(str(row["last"])) >= last - 1
    assert query(store, "SELECT rejected_records FROM journal") == [{"rejected_records": 0}]
    assert query(store, "SELECT finished_at FROM journal") == [{"finished_at": None}]


def test_the_thread_leaves_what_waited_even_if_the_loop_hangs(tmp_path: pathlib.Path) -> None:
    process = start(
        """
import threading
recording = recording_in(sys.argv[1], period=0.01)
written = threading.Event()
append = recording._attempt._journal.append
def noted(*arguments):
    result = append(*arguments)
    written.set()
    return result
recording._attempt._journal.append = noted
recording.put(frame(0))
assert written.wait(30)
print("written", flush=True)
sys.stdin.read()
""",
        tmp_path,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()
    assert Folder(tmp_path).steps() == [0]


def test_a_journal_is_taken_in_whole_and_reported(tmp_path: pathlib.Path) -> None:
    finished(
        """
recording = recording_in(sys.argv[1])
for step in range(60):
    recording.log(step, {"loss": 1 / (step + 1), "lr \\x1b[31m": 0.1})
    if step % 2 == 0:
        recording.put(frame(step))
recording.finish("completed", 59)
assert recording.counts.frames_written == 30
""",
        tmp_path / "spool",
    )
    store = tmp_path / "store.sqlite"
    command("ingest", *Folder(tmp_path / "spool").segments, "--store", store)
    assert query(store, "SELECT count(*) AS n FROM frame WHERE loss = 1.0 / (step + 1)") == [
        {"n": 30}
    ]
    assert query(store, "SELECT count(*) AS n FROM metric WHERE key = 'loss'") == [{"n": 60}]
    assert query(store, "SELECT rejected_records, first_rejection FROM journal") == [
        {"rejected_records": 0, "first_rejection": None}
    ]
    report = command("report", "--run", "latest", "--store", store)
    assert "layer.1" in report
    assert "completed" in report


def test_a_file_size_limit_makes_shorter_segments_and_no_signal_ends_the_process(
    tmp_path: pathlib.Path,
) -> None:
    _, errors = finished(
        """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
recording = recording_in(sys.argv[1])
for step in range(40):
    taken = frame(step)
    if step == 20:
        taken.metrics = {f"metric {key}": 1.0 for key in range(600)}
    recording.put(taken)
recording.finish("completed", 39)
""",
        tmp_path,
    )
    folder = Folder(tmp_path)
    assert len(folder.segments) > 1
    assert all(path.stat().st_size <= 4096 for path in folder.segments)
    frames = folder.of(FRAME)
    assert [frame.number(1) for frame in frames] == [step for step in range(40) if step != 20]
    assert [frame.number(8) for frame in frames if frame.number(1) == 21] == [1]
    assert errors == (
        "resnet-probe: there is no room for the journal: frames are dropped; free disk space or"
        " raise the file size limit\n"
    )


def test_a_forked_child_that_lives_on_keeps_no_lock_and_writes_nothing(
    tmp_path: pathlib.Path,
) -> None:
    process = start(
        """
import os, threading
recording = recording_in(sys.argv[1], period=1e6)
recording.put(frame(0))
held, release = threading.Event(), threading.Event()
def hold():
    with recording._lock:
        held.set()
        release.wait()
holder = threading.Thread(target=hold)
holder.start()
held.wait()
ours, theirs = os.pipe()
child = os.fork()
if child == 0:
    signal.alarm(30)
    os.close(theirs)
    # The lock is another thread's, which does not exist here.
    recording.put(frame(1))
    recording.log(2, {"a": 1.0})
    recording.flush()
    recording.finish("failed", 2)
    print("child went on", flush=True)
    os.read(ours, 1)
    os._exit(0)
release.set()
holder.join()
sys.stdin.readline()
recording.finish("completed", 5)
print("parent finished", flush=True)
sys.stdin.readline()
os.close(theirs)
os.waitpid(child, 0)
""",
        tmp_path,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "child went on\n"
        (segment,) = Folder(tmp_path).segments
        assert not can_lock(segment)
        process.stdin.write("finish\n")
        process.stdin.flush()
        assert process.stdout.readline() == "parent finished\n"
        assert can_lock(segment)
        process.stdin.write("end\n")
        process.stdin.flush()
    assert [record.kind for record in Folder(tmp_path).records()] == [FRAME, ATTEMPT_FINISHED]


def test_a_process_that_ends_without_an_end_leaves_what_waited(tmp_path: pathlib.Path) -> None:
    finished(
        """
recording = recording_in(sys.argv[1], period=1e6)
recording.put(frame(0))
recording.log(1, {"loss": 1.0})
""",
        tmp_path,
    )
    assert [record.kind for record in Folder(tmp_path).records()] == [FRAME, METRICS]
