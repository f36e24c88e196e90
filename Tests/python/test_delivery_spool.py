"""What delivery does with the files of a spool: what it reads, moves and leaves alone."""

import os
import pathlib
import threading
from collections.abc import Iterator

import pytest
from resnet_probe.delivery.segments import SegmentName, parse_file_name

from daemon_model import DaemonModel, Received, Reply
from scripted_server import ScriptedServer
from spooled import END, LONG_AGO, Driven, Held, Spooled, frame, frames, head

A, B = "a" * 32, "b" * 32


@pytest.fixture
def model() -> DaemonModel:
    return DaemonModel()


@pytest.fixture
def server(model: DaemonModel) -> Iterator[ScriptedServer]:
    with ScriptedServer(model) as running:
        yield running


@pytest.fixture
def kept(tmp_path: pathlib.Path) -> Spooled:
    return Spooled(tmp_path / "spool")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (f"{A}.0.rpj", (SegmentName(A, 0), False)),
        (f"{A}.4294967295.rpj.damaged", (SegmentName(A, 4294967295), True)),
        (f"{A}.4294967296.rpj", None),
        (f"{A}.00.rpj", None),
        (f"{A}.1.rpj.tmp", None),
        (f"{A.upper()}.1.rpj", None),
        (f"{A[:-1]}.1.rpj", None),
        (f"{A}.1.rpj\n", None),
        (f"{A}.\u0661.rpj", None),
    ],
)
def test_only_files_with_a_segments_name_are_segments(text: str, parsed: object) -> None:
    assert parse_file_name(text) == parsed


def test_what_has_its_end_is_sent_and_moved(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    data = head(A) + frames(20) + END
    kept.write(f"{A}.0", data)
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert model.segments == {f"{A}.0": data}
    assert kept.files() == set()
    assert kept.files("delivered") == {f"{A}.0.rpj"}
    assert (kept.path / "delivered").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("modified", [LONG_AGO, 4_000_000_000], ids=["silent", "clock set back"])
@pytest.mark.parametrize("tail", [b"", frame(8)[:-3], b"\0" * 20], ids=["whole", "cut", "zeros"])
def test_what_a_killed_recorder_left_moves_once_it_was_silent_for_a_minute(
    modified: int, tail: bytes, kept: Spooled, server: ScriptedServer
) -> None:
    data = head(A) + frames(3)
    kept.write(f"{A}.0", data + tail)
    with Driven(kept.path, server.url) as driven:
        driven.run()
        assert kept.files() == {f"{A}.0.rpj"}
        os.utime(kept.path / f"{A}.0.rpj", (modified, modified))
        driven.run()
    assert kept.files("delivered") == {f"{A}.0.rpj"}


def test_a_segment_with_a_successor_moves_and_the_last_one_stays(
    kept: Spooled, server: ScriptedServer
) -> None:
    for number in range(3):
        kept.write(f"{A}.{number}", head(A, number) + frames(2))
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert kept.files() == {f"{A}.2.rpj"}
    assert kept.files("delivered") == {f"{A}.0.rpj", f"{A}.1.rpj"}


def test_a_segment_stays_as_long_as_its_recorder_lives(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    path = kept.write(f"{A}.0", head(A) + END, modified=LONG_AGO)
    recorder = Held(path)
    with Driven(kept.path, server.url) as driven:
        driven.run()
        assert len(model.segments[f"{A}.0"]) == path.stat().st_size
        assert kept.files() == {f"{A}.0.rpj"}
        recorder.free()
        driven.run()
    assert kept.files() == set()


def test_while_a_daemon_takes_the_spool_in_it_is_the_one_that_moves(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    data = head(A) + frames(5) + END
    kept.write(f"{A}.0", data)
    daemon = Held(kept.path / ".lock")
    with Driven(kept.path, server.url) as driven:
        driven.run()
        assert model.segments == {f"{A}.0": data}
        assert kept.files() == {f"{A}.0.rpj"}
        daemon.free()
        driven.run()
    assert kept.files("delivered") == {f"{A}.0.rpj"}


def test_what_a_daemon_moves_meanwhile_is_sent_from_there(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    data = head(A) + frames(50) + END
    path = kept.write(f"{A}.0", data)
    (kept.path / "delivered").mkdir()
    with Driven(kept.path, server.url) as driven:
        driven.deliverer.look()
        assert driven.deliverer.step()  # asks
        path.rename(kept.path / "delivered" / path.name)
        driven.run()
    assert model.segments == {f"{A}.0": data}


def test_what_was_delivered_is_sent_to_another_store(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    first, second = head(A) + frames(5) + END, head(B) + frames(3)
    kept.write(f"{A}.0", first)
    kept.write(f"{B}.0", second)
    with Driven(kept.path, server.url) as driven:
        driven.run()
        assert kept.files("delivered") == {f"{A}.0.rpj"}
        model.store, model.segments = "another", {}
        kept.append(f"{B}.0", frames(2, first=3))
        driven.run()
    assert model.segments == {f"{A}.0": first, f"{B}.0": second + frames(2, first=3)}


def test_a_store_restored_from_a_copy_gets_what_it_lacks(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    kept.write(f"{A}.0", head(A) + frames(5))
    with Driven(kept.path, server.url) as driven:
        driven.run()
        copy = model.copy()
        kept.append(f"{A}.0", frames(5, first=5) + END)
        kept.write(f"{B}.0", head(B) + END)
        driven.run()
        assert kept.files() == set()
        model.segments = copy
        server.drop_connections()
        kept.write(f"{A}.1", head(A, 1))
        driven.run()
    assert model.segments == kept.content()


def test_a_new_deliverer_asks_for_what_was_delivered_before(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    kept.write(f"{A}.0", head(A) + END)
    with Driven(kept.path, server.url) as driven:
        driven.run()
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert len(list(model.sent())) == 1
    assert len(model.received) == 3
    model.segments = {}
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert model.segments == kept.content()


def refusing(model: DaemonModel, segment: str) -> "ScriptedServer":
    def handler(request: Received) -> bytes:
        if request.segment == segment and (request.body or segment in refused):
            refused.add(segment)
            return Reply(422, {"offset": 24, "problem": "wrong CRC"}).encoded()
        return model(request)

    refused: set[str] = set()
    return ScriptedServer(handler)


def test_a_damaged_segment_is_set_aside_and_the_next_ones_are_sent(
    kept: Spooled, model: DaemonModel
) -> None:
    kept.write(f"{A}.0", head(A) + frames(1))
    kept.write(f"{A}.1", head(A, 1) + END)
    with refusing(model, f"{A}.0") as server:
        with Driven(kept.path, server.url) as driven:
            driven.run()
            assert [remark.message for remark in driven.remarks] == [
                (
                    f"{server.url} refused segment {A}.0 after byte 24: wrong CRC; it is set aside as"
                    " .damaged, and delivery goes on with the next"
                )
            ]
        assert kept.files() == {f"{A}.0.rpj.damaged"}
        assert kept.files("delivered") == {f"{A}.1.rpj"}
        with Driven(kept.path, server.url) as driven:
            driven.run()
            assert driven.remarks == []
    assert kept.files() == {f"{A}.0.rpj.damaged"}


def test_a_damaged_segment_stays_as_long_as_its_recorder_lives(
    kept: Spooled, model: DaemonModel
) -> None:
    recorder = Held(kept.write(f"{A}.0", head(A) + frames(1)))
    with refusing(model, f"{A}.0") as server, Driven(kept.path, server.url) as driven:
        driven.run()
        assert kept.files() == {f"{A}.0.rpj"}
        recorder.free()
        driven.run()
    assert kept.files() == {f"{A}.0.rpj.damaged"}


def test_links_folders_and_other_names_are_passed_over(
    kept: Spooled, model: DaemonModel, server: ScriptedServer, tmp_path: pathlib.Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(head(A))
    (kept.path / f"{A}.0.rpj").symlink_to(secret)
    (kept.path / f"{A}.1.rpj").mkdir()
    os.mkfifo(kept.path / f"{A}.2.rpj")
    (kept.path / "notes.rpj").write_bytes(head(A))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{B}.0.rpj").write_bytes(head(B))
    (kept.path / "delivered").symlink_to(elsewhere)
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert model.received == []
    kept.write(f"{B}.1", head(B, 1) + END)
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert kept.files() >= {f"{B}.1.rpj"}
    assert [path.name for path in elsewhere.iterdir()] == [f"{B}.0.rpj"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_users_segment_is_passed_over(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    os.chown(kept.write(f"{A}.0", head(A)), 12345, 12345)
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert model.received == []


def test_a_segment_that_is_removed_meanwhile_is_let_go(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    path = kept.write(f"{A}.0", head(A) + frames(3))
    kept.write(f"{B}.0", head(B) + END)
    with Driven(kept.path, server.url) as driven:
        driven.deliverer.look()
        assert driven.deliverer.step()
        path.unlink()
        driven.run()
        assert driven.remarks == []
    assert set(model.segments) == {f"{B}.0"}


def test_no_more_than_a_body_of_a_segment_is_in_memory(
    kept: Spooled, model: DaemonModel, server: ScriptedServer
) -> None:
    long = head(A) + b"".join(frame(step, metrics=1000) for step in range(60)) + END
    assert len(long) > 4 << 20
    kept.write(f"{A}.0", long)
    with Driven(kept.path, server.url) as driven:
        driven.run()
    assert model.segments == {f"{A}.0": long}
    assert max(len(request.body) for request in model.sent()) == 1 << 20


def test_one_process_sends_all_of_a_spool_and_another_takes_over(
    kept: Spooled, server: ScriptedServer
) -> None:
    with Driven(kept.path, server.url) as first, Driven(kept.path, server.url) as second:
        assert first.deliverer.holds_spool()
        assert first.deliverer.holds_spool()
        assert not second.deliverer.holds_spool()
        first.deliverer.close()
        assert second.deliverer.holds_spool()
        with Driven(kept.path, "http://127.0.0.1:1") as third:
            assert third.deliverer.holds_spool()  # another destination is another's task


def test_a_sender_and_a_recorder_do_not_wait_for_each_other(
    kept: Spooled, model: DaemonModel
) -> None:
    """Frames are appended while an answer is awaited."""
    kept.write(f"{A}.0", head(A) + frames(1))
    grown = threading.Event()
    asked = threading.Event()

    def handler(request: Received) -> bytes:
        if request.body:
            asked.set()
            assert grown.wait(30)
        return model(request)

    with ScriptedServer(handler) as server, Driven(kept.path, server.url) as driven:
        thread = threading.Thread(target=driven.run)
        thread.start()
        assert asked.wait(30)
        kept.append(f"{A}.0", frames(3, first=1))
        grown.set()
        thread.join(30)
        assert not thread.is_alive()
        driven.run()
    assert model.segments == kept.content()
