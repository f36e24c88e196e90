"""Only what is acknowledged is delivered: servers that acknowledge less than they were sent."""

import itertools
import os
import pathlib
import threading
from collections.abc import Callable

import pytest
from resnet_probe.delivery.delivery import Delivery
from resnet_probe.delivery.destination import read_destination
from resnet_probe.delivery.records import whole_records_end
from resnet_probe.journal.spool import Spool
from resnet_probe.notices import Notices

from daemon_model import DaemonModel, Received, Reply, records_end
from scripted_server import ScriptedServer
from spooled import END, LONG_AGO, Driven, Spooled, frame, frames, head

A, B = "a" * 32, "b" * 32
DATA = head(A) + frames(20) + END
BOUNDARY = len(head(A) + frames(7))
Answers = Callable[[Received], bytes]


@pytest.fixture
def kept(tmp_path: pathlib.Path) -> Spooled:
    return Spooled(tmp_path / "spool")


def always(offset: int) -> Answers:
    return lambda _: Reply(200, {"store": "s", "offset": offset}).encoded()


def another_store_each_time() -> Answers:
    stores = itertools.count()
    return lambda _: Reply(200, {"store": f"store {next(stores)}", "offset": 0}).encoded()


@pytest.mark.parametrize(
    ("liar", "acknowledged"),
    [
        (always(0), 0),
        (always(24), 24),
        (always(BOUNDARY), BOUNDARY),
        (always(BOUNDARY + 5), BOUNDARY + 5),
        (always(len(DATA) - 1), len(DATA) - 1),
        (another_store_each_time(), 0),
    ],
    ids=["nothing", "header", "boundary", "within a record", "all but a byte", "stores"],
)
@pytest.mark.parametrize("tail", [b"", frame(20)[:-3]], ids=["whole", "cut"])
def test_what_was_not_acknowledged_stays_and_is_sent_more_seldom(
    liar: Answers, acknowledged: int, tail: bytes, kept: Spooled
) -> None:
    path = kept.write(f"{A}.0", DATA + tail, modified=LONG_AGO)
    handler = liar
    model = DaemonModel()
    requests: list[Received] = []

    def handle(request: Received) -> bytes:
        requests.append(request)
        return handler(request)

    with ScriptedServer(handle) as server, Driven(kept.path, server.url) as driven:
        ends = driven.now + 3600
        while driven.now < ends:
            if not driven.deliverer.step():
                assert driven.deliverer.courier.due > driven.now
                driven.now = driven.deliverer.courier.due
        (segment,) = driven.deliverer.look()
        assert kept.files() == {path.name}
        left = len(DATA + tail) - acknowledged
        assert driven.deliverer.courier.bytes_left(segment) == left
        assert 10 < len(requests) < 500
        assert {remark.message for remark in driven.remarks} == {
            (
                f"not all is delivered to {server.url}: it acknowledged {acknowledged:,} of"
                f" {len(DATA + tail):,} bytes of segment {A}.0, which stays in the spool and is"
                " sent again; is RESNET_PROBE_URL a resnet-probe daemon?"
            )
        }
        assert len({remark.cause for remark in driven.remarks}) == 1
        handler = model
        driven.deliverer.courier.lost()
        driven.run()
    assert model.segments == {f"{A}.0": DATA}
    assert kept.files("delivered") == {path.name}


def test_a_segment_that_is_not_acknowledged_holds_up_no_other(kept: Spooled) -> None:
    kept.write(f"{A}.0", DATA, modified=LONG_AGO)
    others = {f"{letter * 32}.0": head(letter * 32) + END for letter in "bcdef"}
    for name, data in others.items():
        kept.write(name, data, modified=LONG_AGO)
    model = DaemonModel()

    def handler(request: Received) -> bytes:
        if request.segment == f"{A}.0":
            return Reply(200, {"store": model.store, "offset": 0}).encoded()
        return model(request)

    with ScriptedServer(handler) as server, Driven(kept.path, server.url) as driven:
        while driven.deliverer.step({A}):
            pass
        assert model.segments == others
        driven.deliverer.look({A})
    assert kept.files() == {f"{A}.0.rpj"}


def test_a_server_that_takes_a_record_at_a_time_gets_all(kept: Spooled) -> None:
    kept.write(f"{A}.0", DATA)
    model = DaemonModel()

    def handler(request: Received) -> bytes:
        if request.body:
            known = model.segments.get(request.segment, b"")
            ends = (records_end(DATA[:end]) for end in range(len(known) + 1, len(DATA) + 1))
            end = next(end for end in ends if end > max(24, len(known)))
            model.segments[request.segment] = DATA[:end]
        return Reply(
            200, {"store": "s", "offset": len(model.segments.get(f"{A}.0", b""))}
        ).encoded()

    with ScriptedServer(handler) as server, Driven(kept.path, server.url) as driven:
        driven.run()
        assert driven.remarks == []
    assert model.segments == {f"{A}.0": DATA}
    assert kept.files("delivered") == {f"{A}.0.rpj"}


def test_a_finish_says_what_was_not_acknowledged(tmp_path: pathlib.Path) -> None:
    kept = Spooled(tmp_path / "spool")
    kept.write(f"{A}.0", DATA)
    lines: list[str] = []
    model = DaemonModel()
    handler: Answers = always(0)
    with ScriptedServer(lambda request: handler(request)) as server:
        destination = read_destination({"RESNET_PROBE_URL": server.url})
        assert destination is not None
        spool = Spool(str(kept.path))
        said = threading.Event()

        def write(line: str) -> None:
            lines.append(line)
            said.set()

        delivery = Delivery(spool, destination, Notices(write=write), period=0.01)
        delivery.begin(A)
        assert said.wait(60)
        delivery.finish(A, 0.05)
        first, second = lines
        assert f": it acknowledged 0 of {len(DATA):,} bytes of segment {A}.0, which stays" in first
        assert second == (
            f"resnet-probe: {len(DATA):,} bytes in 1 segment of this run are not delivered to"
            f" {server.url} (see above); the next run takes them there, or `python -m resnet_probe"
            " deliver`; `resnet-probe ingest` takes them into this host's store"
        )
        assert kept.files() == {f"{A}.0.rpj"}
        handler = model
        for thread in threading.enumerate():
            if thread.name == "resnet-probe-deliver":
                thread.join(60)
        assert model.segments == {f"{A}.0": DATA}
        assert kept.files("delivered") == {f"{A}.0.rpj"}
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (head(A)[:24], 0),
        (head(A)[:30], 0),
        (head(A), len(head(A))),
        (DATA, len(DATA)),
        (DATA[:-1], len(DATA) - len(END)),
        (DATA + b"\0" * 50, len(DATA)),
        (DATA + b"\xff" * 50, len(DATA)),
        (DATA[:-1] + bytes([DATA[-1] ^ 1]), len(DATA) - len(END)),
        # Behind a damaged record there may be whole ones.
        (head(A) + frame(0)[:-1] + bytes([frame(0)[-1] ^ 1]) + END, len(head(A) + frame(0) + END)),
    ],
    ids=["empty", "header", "cut", "head", "all", "cut end", "zeros", "ones", "crc", "behind"],
)
def test_where_whole_records_end(data: bytes, expected: int, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert whole_records_end(descriptor, len(data)) == expected
        assert whole_records_end(descriptor, len(data) + 100) == expected
        assert whole_records_end(descriptor, max(0, expected - 1)) < max(1, expected)
    finally:
        os.close(descriptor)
