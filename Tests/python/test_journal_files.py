"""Journals on disk: the cases of JournalFileTests.swift."""

import os
import pathlib
import stat

import pytest
from resnet_probe.journal.frame import Frame
from resnet_probe.journal.journal import DISK_FULL, JournalWriter
from resnet_probe.journal.recording import Recording
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.spool import DEFAULT_LIMIT, Spool, SpoolFolder
from resnet_probe.notices import Notices, ProbeError

from journals import (
    ATTEMPT_FINISHED,
    BLOCK_MAP,
    FRAME,
    RUN_OPENED,
    Folder,
    can_lock,
    records,
    residual_blocks,
)

NEVER = 1e6  # seconds: the thread looks at nothing during a test
RUN = bytes(range(16))


def record_in(
    path: pathlib.Path, limit: int = DEFAULT_LIMIT, said: list[str] | None = None
) -> Recording:
    return Recording(
        RunOpened(RUN, bytes(16), "test"),
        residual_blocks(2),
        Spool(str(path), limit),
        Notices(write=([] if said is None else said).append),
        period=NEVER,
    )


def large_frame(step: int) -> Frame:
    """A frame of about 1.2 MB: metrics with long keys."""
    return Frame(step, 1.0, metrics={f"{n}".ljust(256, "k"): float(n) for n in range(4096)})


def put(recording: Recording, frame: Frame) -> None:
    recording.put(frame)
    recording.flush()


def test_a_recorder_holds_a_lock_on_its_segment_and_frees_it_at_its_end(
    tmp_path: pathlib.Path,
) -> None:
    recording = record_in(tmp_path)
    (path,) = Folder(tmp_path).segments
    assert not can_lock(path)
    recording.finish("completed", 0)
    assert can_lock(path)


def test_a_recorder_that_nobody_holds_any_more_frees_its_lock(tmp_path: pathlib.Path) -> None:
    recording = record_in(tmp_path)
    recording.put(Frame(0, 1.0))
    del recording
    folder = Folder(tmp_path)
    assert can_lock(folder.segments[0])
    assert folder.steps() == [0]


def test_segments_rotate_at_16_mib_and_each_can_be_read_alone(tmp_path: pathlib.Path) -> None:
    recording = record_in(tmp_path)
    for step in range(32):
        put(recording, large_frame(step))
    recording.finish("completed", 31)
    folder = Folder(tmp_path)
    assert len(folder.segments) == 3
    for number, path in enumerate(folder.segments):
        assert path.stat().st_size <= 16 << 20
        opened, blocks, *_ = records(path.read_bytes())
        assert (opened.kind, blocks.kind) == (RUN_OPENED, BLOCK_MAP)
        assert opened.number(2) == number
        assert opened.fields[3] == [RUN]
    assert folder.steps() == list(range(32))


def test_folders_are_made_0700_and_files_0600(tmp_path: pathlib.Path) -> None:
    previous = os.umask(0)
    try:
        recording = record_in(tmp_path / "state" / "spool")
    finally:
        os.umask(previous)

    def mode(path: pathlib.Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    (segment,) = Folder(tmp_path / "state" / "spool").segments
    assert [mode(p) for p in (segment, segment.parent, tmp_path / "state")] == [0o600, 0o700, 0o700]
    recording.finish("completed", 0)


def test_delivered_files_go_oldest_first_once_the_spool_is_over_its_limit(
    tmp_path: pathlib.Path,
) -> None:
    delivered = tmp_path / "delivered"
    delivered.mkdir()
    for name, modified in (("old", 100), ("middle", 200), ("new", 300)):
        (delivered / f"{name}.rpj").write_bytes(bytes(1 << 20))
        os.utime(delivered / f"{name}.rpj", (modified, modified))
    recording = record_in(tmp_path, limit=4 << 20)
    put(recording, large_frame(0))
    put(recording, large_frame(1))
    assert [path.name for path in delivered.iterdir()] == ["new.rpj"]
    assert recording.counts.frames_written == 2


def test_a_full_spool_drops_frames_says_so_once_and_goes_on_when_there_is_room(
    tmp_path: pathlib.Path,
) -> None:
    said: list[str] = []
    recording = record_in(tmp_path, limit=3 << 20, said=said)
    for step in range(5):
        put(recording, large_frame(step))
    assert (recording.counts.frames_written, recording.counts.frames_dropped) == (2, 3)
    assert said == [
        (
            "resnet-probe: the spool is at its limit and nothing in it is delivered: frames are"
            " dropped; raise RESNET_PROBE_SPOOL_LIMIT or start the daemon"
        )
    ]
    put(recording, Frame(5, 1.0))
    frames = Folder(tmp_path).of(FRAME)
    assert [(frame.number(1), frame.number(8)) for frame in frames] == [(0, 0), (1, 0), (5, 3)]
    recording.finish("completed", 5)
    end = Folder(tmp_path).records()[-1]
    assert (end.kind, end.number(4)) == (ATTEMPT_FINISHED, 3)


def test_a_spool_without_any_room_opens_all_the_same_and_its_end_is_written(
    tmp_path: pathlib.Path,
) -> None:
    recording = record_in(tmp_path, limit=10)
    assert Folder(tmp_path).segments == []
    put(recording, Frame(0, 1.0))
    assert recording.counts.frames_dropped == 1
    recording.finish("failed", 0)
    (end,) = Folder(tmp_path).records()
    assert (end.kind, end.number(1), end.number(4)) == (ATTEMPT_FINISHED, 1, 1)


def test_a_spool_that_is_a_symbolic_link_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    said: list[str] = []
    recording = record_in(tmp_path / "link", said=said)
    put(recording, Frame(0, 1.0))
    recording.log(1, {"loss": 1.0})
    recording.finish("completed", 1)
    assert recording.counts.frames_dropped == 1
    assert list((tmp_path / "real").iterdir()) == []
    assert said == [
        (
            f"resnet-probe: cannot open the spool {tmp_path}/link: it is a symbolic link; set"
            " RESNET_PROBE_SPOOL to a folder of your own; nothing is recorded"
        )
    ]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/dev/null/spool", "Not a directory"), ("a\0b", "embedded null byte"), ("", "No such file")],
)
def test_a_spool_that_cannot_be_made_is_refused_with_what_to_do(path: str, reason: str) -> None:
    with pytest.raises(ProbeError) as raised:
        SpoolFolder(Spool(path))
    assert str(raised.value).startswith(f"cannot open the spool {path}: {reason}")
    assert str(raised.value).endswith("; set RESNET_PROBE_SPOOL to a folder of your own")


def test_a_system_without_posix_is_refused_in_one_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnet_probe.journal.spool.os.name", "nt")
    with pytest.raises(ProbeError, match="this system has no POSIX files and locks"):
        SpoolFolder(Spool(str(tmp_path)))


def test_a_journal_whose_file_was_removed_goes_on_in_the_next_segment(
    tmp_path: pathlib.Path,
) -> None:
    recording = record_in(tmp_path)
    put(recording, Frame(0, 1.0))
    Folder(tmp_path).segments[0].unlink()
    put(recording, Frame(1, 1.0))
    folder = Folder(tmp_path)
    assert [path.name.split(".")[1] for path in folder.segments] == ["1"]
    assert folder.steps() == [1]


def test_links_in_delivered_and_others_names_are_left_alone(tmp_path: pathlib.Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "a.rpj").write_bytes(bytes(100))
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "delivered").symlink_to(victim)
    record_in(spool, limit=0).finish("completed", 0)
    assert (victim / "a.rpj").exists()


def test_a_name_that_is_taken_is_passed_over(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnet_probe.journal.attempt.random_identity", lambda: bytes(16))
    taken = tmp_path / f"{'0' * 32}.0.rpj"
    taken.write_bytes(b"")
    said: list[str] = []
    recording = record_in(tmp_path, said=said)
    assert said[0].startswith(f"resnet-probe: cannot create a journal in {tmp_path}: File exists;")
    recording.finish("completed", 0)
    assert taken.read_bytes() == b""


class CutWrites:
    """Stands for os.write on a disk that has room for so many bytes more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.write = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        written = self.write(descriptor, data[: self.room])
        self.room -= written
        return written


def test_a_write_that_is_cut_short_is_taken_back(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SpoolFolder(Spool(str(tmp_path)))
    journal = JournalWriter(bytes(16), folder, RunOpened(RUN, RUN, "t"), residual_blocks(1))
    from resnet_probe.journal import wire

    before = Folder(tmp_path).segments[0].read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("resnet_probe.journal.segment.os.write", CutWrites(room=20))
        assert journal.append([wire.frame_record(Frame(1, 1.0), 1)]) == DISK_FULL
    assert Folder(tmp_path).segments[0].read_bytes() == before
    assert journal.append([wire.frame_record(Frame(2, 1.0), 1)]) is None
    assert Folder(tmp_path).steps() == [2]
    journal.close()


def test_a_cut_write_that_cannot_be_taken_back_ends_the_segment(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _length: int) -> None:
        raise OSError(5, "Input/output error")

    said: list[str] = []
    recording = record_in(tmp_path, said=said)
    with monkeypatch.context() as patch:
        patch.setattr("resnet_probe.journal.segment.os.write", CutWrites(room=5))
        patch.setattr("resnet_probe.journal.segment.os.ftruncate", refuse)
        put(recording, Frame(0, 1.0))
    put(recording, Frame(1, 1.0))
    recording.finish("completed", 1)
    second = records(Folder(tmp_path).segments[1].read_bytes())
    assert [record.kind for record in second] == [RUN_OPENED, BLOCK_MAP, FRAME, ATTEMPT_FINISHED]
    assert second[2].number(8) == 1
    assert said == [
        (
            "resnet-probe: the journal cannot be written (Input/output error): frames are dropped;"
            " check the spool's disk"
        )
    ]
