"""Delivery beside a training: nothing waits for it but a finish, and that only so long."""

import contextlib
import gc
import os
import pathlib
import random
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
import resnet_probe
import torch
from resnet_probe.delivery import process
from resnet_probe.delivery.delivery import Delivery
from resnet_probe.delivery.destination import read_destination
from resnet_probe.journal.spool import Spool
from resnet_probe.notices import Notices

from daemon_model import DaemonModel, Received, Reply
from networks.cifar_resnet import CifarResNet
from networks.entry import Example
from recorded import sgd, train_step
from scripted_server import ScriptedServer
from spooled import END, LONG_AGO, Spooled, frames, head

A, B = "a" * 32, "b" * 32
LONG = 1e5  # seconds: longer than any test


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "resnet-probe-deliver"]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threads():
        thread.join(30)
    assert threads() == []


class Beside:
    """A delivery of a test's spool, and what it said."""

    def __init__(self, path: pathlib.Path, url: str, *, period: float = 0.01) -> None:
        self.kept = Spooled(path)
        self.lines: list[str] = []
        destination = read_destination({"RESNET_PROBE_URL": url})
        assert destination is not None
        self.delivery = Delivery(
            Spool(str(path)), destination, Notices(write=self.lines.append), period=period
        )


def test_what_grows_is_delivered_while_its_journal_is_open(tmp_path: pathlib.Path) -> None:
    model = DaemonModel()
    with ScriptedServer(model) as server:
        beside = Beside(tmp_path / "spool", server.url)
        data = head(A)
        beside.kept.write(f"{A}.0", data)
        beside.delivery.begin(A)
        for step in range(5):
            model.wait_for(lambda: model.segments.get(f"{A}.0") == data)  # noqa: B023
            beside.kept.append(f"{A}.0", frames(1, first=step))
            data += frames(1, first=step)
        beside.kept.append(f"{A}.0", END)
        beside.delivery.finish(A, LONG)
        assert model.segments == {f"{A}.0": data + END}
    assert beside.lines == []


def test_what_waits_in_the_spool_goes_out_too(tmp_path: pathlib.Path) -> None:
    model = DaemonModel()
    with ScriptedServer(model) as server:
        beside = Beside(tmp_path / "spool", server.url)
        beside.kept.write(f"{B}.0", head(B) + frames(3), modified=LONG_AGO)
        beside.kept.write(f"{A}.0", head(A) + END)
        beside.delivery.begin(A)
        beside.delivery.finish(A, LONG)
        for thread in threads():
            thread.join(30)
        assert model.segments == beside.kept.content()
        assert beside.kept.files() == set()
        assert next(request.segment for request in model.received) == f"{A}.0"


def test_a_finish_says_what_is_left_where_nobody_listens(tmp_path: pathlib.Path) -> None:
    url = f"unix://{tmp_path}/none"
    beside = Beside(tmp_path / "spool", url)
    beside.kept.write(f"{A}.0", head(A) + frames(10))
    beside.kept.write(f"{A}.1", head(A, 1) + END)
    beside.delivery.begin(A)
    beside.delivery.finish(A, 0.05)
    size = sum(len(data) for data in beside.kept.content().values())
    (line,) = [line for line in beside.lines if "left" not in line][-1:]
    assert line == (
        f"resnet-probe: {size:,} bytes in 2 segments of this run are not delivered to {url} (no"
        " such file or directory); the next run takes them there, or `python -m resnet_probe"
        " deliver`; `resnet-probe ingest` takes them into this host's store"
    )
    beside.lines.clear()
    # The next one does not wait again, and the end of the process neither.
    beside.kept.write(f"{B}.0", head(B) + END)
    beside.delivery.begin(B)
    beside.delivery.finish(B, LONG)
    beside.delivery.leave(LONG)
    assert [line for line in beside.lines if " in 1 segment of this run " in line]
    with ScriptedServer(DaemonModel(), path=tmp_path / "none"):
        for thread in threads():
            thread.join(30)
    assert beside.kept.files() == set()


def test_a_finish_does_not_wait_for_what_only_people_can_mend(tmp_path: pathlib.Path) -> None:
    answer = [Reply(401)]
    model = DaemonModel()

    def handler(request: Received) -> bytes:
        return model(request) if not answer else answer[0].encoded()

    with ScriptedServer(handler) as server:
        beside = Beside(tmp_path / "spool", server.url)
        beside.kept.write(f"{A}.0", head(A) + END)
        beside.delivery.begin(A)
        beside.delivery.finish(A, LONG)
        first, second = beside.lines
        assert ": it wants another token (401); set RESNET_PROBE_TOKEN; " in first
        assert f" are not delivered to {server.url} (see above); the next run" in second
        deliverer = beside.delivery._deliverer
        assert deliverer is not None
        (beside.kept.path / f"{A}.0.rpj").unlink()
        # The pause is half a minute; what is not there any more is not waited for.
        beside.delivery.end(A)


def test_nothing_of_a_training_waits_while_an_answer_is_awaited(
    spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = DaemonModel()
    asked, release = threading.Event(), threading.Event()

    def handler(request: Received) -> bytes:
        asked.set()
        assert release.wait(60)
        return model(request)

    with ScriptedServer(handler) as server:
        monkeypatch.setenv("RESNET_PROBE_URL", server.url)
        monkeypatch.setenv("RESNET_PROBE_FINISH_WAIT", "0")
        network, optimizer, example = training()
        with resnet_probe.attach(network, optimizer, every=1, strict=True):
            train_step(network, optimizer, example)
            assert asked.wait(60)
            for _ in range(5):
                train_step(network, optimizer, example)
        release.set()
        for thread in threads():
            thread.join(30)
    assert model.segments == Spooled(spool).content()


def training() -> tuple[CifarResNet, torch.optim.Optimizer, Example]:
    torch.manual_seed(5)
    network = CifarResNet(8, "A", 4).train()
    example = Example((torch.randn(4, 3, 8, 8),))
    return network, sgd(network.parameters()), example


def test_a_training_is_delivered_and_says_nothing_of_it(
    spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "rp_w_" + "x" * 43
    model = DaemonModel()
    with ScriptedServer(model) as server:
        monkeypatch.setenv("RESNET_PROBE_URL", server.url)
        monkeypatch.setenv("RESNET_PROBE_TOKEN", secret)
        network, optimizer, example = training()
        numbers = random.getstate()
        config = {"command": ["train", "--lr", "0.1"], "RESNET_PROBE_TOKEN": secret}
        with resnet_probe.attach(network, optimizer, every=1, run="remote", config=config):
            for _ in range(5):
                train_step(network, optimizer, example)
        assert random.getstate() == numbers
    content = Spooled(spool).content()
    assert len(content) == 1
    assert model.segments == content
    assert Spooled(spool).files("delivered")
    assert {request.headers["authorization"] for request in model.received} == {f"Bearer {secret}"}
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("resnet-probe: recording 'remote'")
    assert not [path for path in spool.rglob("*") if path.is_file() and
                secret.encode() in path.read_bytes()]  # fmt: skip


def test_attaching_again_and_letting_go_of_a_network_wait_for_nothing(
    spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("RESNET_PROBE_URL", f"unix://{tmp_path}/none")
    monkeypatch.setenv("RESNET_PROBE_FINISH_WAIT", "86400")
    network, optimizer, example = training()
    for _ in range(2):
        resnet_probe.attach(network, optimizer, every=1)
        train_step(network, optimizer, example)
    del network, optimizer
    gc.collect()
    with ScriptedServer(DaemonModel(), path=tmp_path / "none"):
        for delivery, _ in list(process._deliveries.by_place.values()):
            delivery.leave(LONG)
    assert Spooled(spool).files() == set()


def test_a_signal_handler_may_finish_while_a_finish_waits(tmp_path: pathlib.Path) -> None:
    model = DaemonModel()
    interrupted = threading.Event()
    beside: Beside

    def handler(request: Received) -> bytes:
        if not interrupted.is_set():
            os.kill(os.getpid(), signal.SIGUSR1)
            assert interrupted.wait(60)
        return model(request)

    def on_signal(*_: object) -> None:
        beside.delivery.begin(B)
        beside.delivery.end(B)
        interrupted.set()
        beside.delivery.finish(A, LONG)

    before = signal.signal(signal.SIGUSR1, on_signal)
    try:
        with ScriptedServer(handler) as server:
            beside = Beside(tmp_path / "spool", server.url)
            beside.kept.write(f"{A}.0", head(A) + END)
            beside.delivery.begin(A)
            beside.delivery.finish(A, LONG)
            assert model.segments == beside.kept.content()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert beside.lines == []


def test_a_finish_can_be_interrupted(tmp_path: pathlib.Path) -> None:
    model = DaemonModel()
    release = threading.Event()

    def handler(request: Received) -> bytes:
        if not release.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            assert release.wait(60)
        return model(request)

    with ScriptedServer(handler) as server:
        beside = Beside(tmp_path / "spool", server.url)
        beside.kept.write(f"{A}.0", head(A) + END)
        beside.delivery.begin(A)
        with pytest.raises(KeyboardInterrupt):
            beside.delivery.finish(A, LONG)
        beside.delivery.leave(LONG)  # the end of the process does not wait once more
        release.set()
        for thread in threads():
            thread.join(30)
        assert model.segments == beside.kept.content()


def test_a_spool_that_cannot_be_opened_is_one_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "spool").mkdir()
    beside = Beside(tmp_path / "spool", "http://127.0.0.1:1")
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").symlink_to(tmp_path)
    beside.delivery.begin(A)
    beside.delivery.finish(A, LONG)
    assert len(beside.lines) == 1
    assert beside.lines[0].startswith("resnet-probe: nothing is delivered: cannot open the spool")


def test_a_thread_that_cannot_be_started_is_one_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    beside = Beside(tmp_path / "spool", "http://127.0.0.1:1")
    beside.kept.write(f"{A}.0", head(A) + END)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        beside.delivery.begin(A)
    beside.delivery.finish(A, LONG)
    first, second = beside.lines
    assert first == "resnet-probe: nothing is delivered: can't start new thread"
    assert "in 1 segment of this run are not delivered" in second


def test_what_should_not_come_up_ends_delivery_and_not_the_training(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = Beside(tmp_path / "spool", "http://127.0.0.1:1")
    beside.kept.write(f"{A}.0", head(A) + END)

    def fail(*_: object) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr("resnet_probe.delivery.courier.Courier.next", fail)
    beside.delivery.begin(A)
    for thread in threads():
        thread.join(30)
    beside.delivery.finish(A, LONG)
    assert beside.lines[0] == (
        "resnet-probe: delivery ended (ZeroDivisionError: unforeseen), journals stay; please report"
        " this"
    )


def test_a_wait_goes_on_from_where_another_process_left_off(tmp_path: pathlib.Path) -> None:
    """A process that does not send the spool sends its own journals at their end."""
    model = DaemonModel()
    with ScriptedServer(model) as server:
        first = Beside(tmp_path / "spool", server.url)
        first.kept.write(f"{B}.0", head(B))
        first.delivery.begin(B)
        model.wait_for(lambda: f"{B}.0" in model.segments)
        second = Beside(tmp_path / "spool", server.url, period=LONG)
        second.kept.write(f"{A}.0", head(A) + frames(30) + END)
        second.delivery.begin(A)
        second.delivery.finish(A, LONG)
        assert model.segments[f"{A}.0"] == second.kept.content()[f"{A}.0"]
        first.delivery.finish(B, LONG)
    assert first.lines == second.lines == []


def test_connections_are_closed_when_nothing_is_left(tmp_path: pathlib.Path) -> None:
    hung_up = threading.Event()

    def serve(plug: socket.socket) -> None:
        plug.sendall(Reply(200, {"store": "s", "offset": len(data)}).encoded())
        with contextlib.suppress(OSError):
            while plug.recv(4096):
                pass
        hung_up.set()

    data = head(A) + END
    with ScriptedServer(lambda _: serve) as server:
        beside = Beside(tmp_path / "spool", server.url)
        beside.kept.write(f"{A}.0", data)
        beside.delivery.begin(A)
        beside.delivery.finish(A, LONG)
        assert hung_up.wait(30)
