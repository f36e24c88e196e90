"""Delivery in processes that are killed, forked and ended while a destination does what it likes."""

import os
import pathlib
import signal
import socket
import threading

import pytest

from daemon_model import DaemonModel
from processes import start
from scripted_server import ScriptedServer
from spooled import Driven, Spooled

PROGRAM = """
import os
from resnet_probe.delivery import process
from resnet_probe.environment import read_environment

os.environ["RESNET_PROBE_SPOOL"] = sys.argv[1]
os.environ["RESNET_PROBE_URL"] = sys.argv[2]
recording = recording_in(sys.argv[1])
environment = read_environment(os.environ, Notices(strict=True))
delivery = process.deliver(recording.journal, environment)
print(recording.journal, flush=True)
"""

GROWING = """
for step in range(10_000_000):
    if not sys.stdin.readline():
        break
    recording.put(frame(step))
    recording.flush()
recording.finish("completed", step)
delivery.end()
"""


class Recorder:
    """A process that appends a frame whenever it is told to, and delivers."""

    def __init__(self, spool: pathlib.Path, url: str) -> None:
        self.process = start(PROGRAM + GROWING, spool, url)
        assert self.process.stdout is not None
        self.journal = self.process.stdout.readline().strip()
        self.segment = f"{self.journal}.0"

    def grow(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)

    def end(self) -> str:
        """Ends in order; what it said."""
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return errors


def test_when_the_process_that_sends_the_spool_is_killed_another_takes_over(
    tmp_path: pathlib.Path,
) -> None:
    model = DaemonModel()
    spool = tmp_path / "spool"
    with ScriptedServer(model) as server:
        first = Recorder(spool, server.url)
        model.wait_for(lambda: first.segment in model.segments)
        second = Recorder(spool, server.url)
        first.grow()
        second.grow()
        # The first sends what the second writes.
        model.wait_for(lambda: b"layer.1" in model.segments.get(second.segment, b""))
        model.wait_for(lambda: model.segments == Spooled(spool).content())
        first.kill()
        third = Recorder(spool, server.url)
        second.grow()
        content = Spooled(spool).content
        for recorder in (first, second, third):
            name = recorder.segment
            model.wait_for(lambda name=name: model.segments.get(name) == content().get(name, name))
        assert second.end() == third.end() == ""
        assert model.segments == content()
    assert Spooled(spool).files() == {f"{first.segment}.rpj"}  # killed less than a minute ago


def test_the_end_of_a_process_waits_for_a_destination_only_so_long(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_PROBE_FINISH_WAIT", "0.3")
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes connections, says nothing
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        recorder = Recorder(tmp_path / "spool", url)
        recorder.grow()
        errors = recorder.end()
    size = sum(len(data) for data in Spooled(tmp_path / "spool").content().values())
    assert errors == (
        f"resnet-probe: {size:,} bytes in 1 segment of this run are not delivered to {url}; the"
        " next run takes them there, or `python -m resnet_probe deliver`; `resnet-probe ingest`"
        " takes them into this host's store\n"
    )


def test_a_forked_child_keeps_neither_lock_nor_connection_and_may_deliver_itself(
    tmp_path: pathlib.Path,
) -> None:
    model = DaemonModel()
    hung_up = threading.Event()

    def watch(request: object) -> object:
        answer = model(request)  # type: ignore[arg-type]

        def serve(plug: socket.socket) -> None:
            plug.sendall(answer)
            while plug.recv(1 << 16):
                pass
            hung_up.set()

        return serve if not hung_up.is_set() else answer

    spool = tmp_path / "spool"
    with ScriptedServer(watch) as server:  # type: ignore[arg-type]
        process = start(
            PROGRAM
            + """
sys.stdin.readline()
child = os.fork()
if child == 0:
    signal.alarm(60)
    delivery.end()
    delivery.finish()
    sys.stdin.readline()
    own = recording_in(sys.argv[1])
    delivery = process.deliver(own.journal, environment)
    own.put(frame(0))
    own.finish("completed", 0)
    delivery.finish()
    print(own.journal, flush=True)
    os._exit(0)
print(child, flush=True)
signal.pause()
""",
            spool,
            server.url,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        name = process.stdout.readline().strip() + ".0"
        model.wait_for(lambda: name in model.segments)  # the connection stands
        process.stdin.write("fork\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        process.kill()
        process.wait(60)
        # The child lives, and holds nothing of its parent's.
        assert hung_up.wait(60)
        os.kill(child, 0)
        with Driven(spool, server.url) as driven:
            assert driven.deliverer.holds_spool()
            driven.run()
        assert name in model.segments
        process.stdin.write("go on\n")
        process.stdin.flush()
        own = process.stdout.readline().strip() + ".0"
        model.wait_for(lambda: model.segments.get(own) == Spooled(spool).content().get(own, own))
        process.stdin.close()
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()
    assert Spooled(spool).files("delivered") == {f"{own}.rpj"}


def test_a_child_that_is_forked_while_an_answer_is_read_does_not_wait_for_it(
    tmp_path: pathlib.Path,
) -> None:
    is_reading, release = threading.Event(), threading.Event()

    def stall(plug: socket.socket) -> None:
        plug.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"store"')
        is_reading.set()
        assert release.wait(60)

    with ScriptedServer(lambda _: stall) as server:
        process = start(
            PROGRAM
            + """
import gc
os.environ["RESNET_PROBE_FINISH_WAIT"] = "0"
sys.stdin.readline()
child = os.fork()
if child == 0:
    signal.alarm(30)
    gc.collect()
    delivery.finish()
    os._exit(0)
_, status = os.waitpid(child, 0)
print(status, flush=True)
os._exit(0)
""",
            tmp_path / "spool",
            server.url,
        )
        assert is_reading.wait(60)
        output, errors = process.communicate("fork\n", timeout=60)
        release.set()
    assert output.splitlines()[1:] == ["0"], errors
