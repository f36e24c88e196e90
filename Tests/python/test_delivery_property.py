"""Whatever is answered, killed and grown in which order: all arrives, once and in order."""

import os
import pathlib
import random
import socket

import pytest

from daemon_model import DaemonModel, Received, Reply, records_end
from scripted_server import ScriptedServer
from spooled import END, LONG_AGO, Driven, Spooled, frame, head


class Chaos:
    """A daemon that is killed, restored, replaced, full and behind a bad network."""

    def __init__(self, numbers: random.Random) -> None:
        self.model = DaemonModel()
        self.is_calm = False
        self.faults: dict[str, int] = {}
        self._numbers = numbers
        self._copies: list[dict[str, bytes]] = [{}]
        self._stores = 0

    def __call__(self, request: Received) -> object:
        if self.is_calm or self._numbers.random() < 0.6:
            return self.model(request)
        fault = self._numbers.choice(
            ["later", "unread", "unheard", "cut", "garbage", "copy", "restored", "replaced",
             "too long", "unauthorized"]
        )  # fmt: skip
        self.faults[fault] = self.faults.get(fault, 0) + 1
        match fault:
            case "later":
                status = self._numbers.choice([429, 500, 503, 507])
                return Reply(status, {}, {"Retry-After": "2"}).encoded()
            case "unread":
                return b""
            case "unheard":  # taken, and the answer is lost
                self.model(request)
                return b""
            case "cut":
                answer = self.model(request)
                end = self._numbers.randrange(len(answer))
                return lambda plug: _send(plug, answer[:end])
            case "garbage":
                return lambda plug: _send(plug, self._numbers.randbytes(100) + b"\r\n\r\n")
            case "copy":
                self._copies.append(self.model.copy())
            case "restored":
                self.model.segments = dict(self._numbers.choice(self._copies))
            case "replaced":
                self._stores += 1
                self.model.store, self.model.segments = f"store {self._stores}", {}
                self._copies = [{}]
            case "too long":
                if request.body:
                    return Reply(413).encoded()
            case "unauthorized":
                return Reply(401).encoded()
        return self.model(request)


def _send(plug: socket.socket, data: bytes) -> None:
    plug.sendall(data)


class Recorders:
    """Processes that write journals, and are killed."""

    def __init__(self, kept: Spooled, numbers: random.Random) -> None:
        self._kept = kept
        self._numbers = numbers
        self._open: dict[str, tuple[int, int]] = {}
        self._torn: set[str] = set()

    def act(self) -> None:
        """One thing that happens to a spool."""
        numbers = self._numbers
        if not self._open or (len(self._open) < 4 and numbers.random() < 0.2):
            journal = numbers.randbytes(16).hex()
            self._kept.write(f"{journal}.0", head(journal))
            self._open[journal] = (0, 0)
        journal = numbers.choice(list(self._open))
        number, step = self._open[journal]
        name = f"{journal}.{number}"
        match numbers.choice(["grow", "grow", "grow", "segment", "end", "kill"]):
            case "grow":
                count = numbers.randrange(1, 20)
                records = b"".join(frame(step + k, metrics=numbers.choice([0, 0, 200]))
                                   for k in range(count))  # fmt: skip
                self._write(name, records)
                self._open[journal] = (number, step + count)
            case "segment":
                self._kept.write(f"{journal}.{number + 1}", head(journal, number + 1))
                self._open[journal] = (number + 1, step)
            case "end":
                self._write(name, END)
                del self._open[journal]
            case "kill":
                self._write(name, frame(step)[: numbers.randrange(1, 20)])
                path = self._kept.path / f"{name}.rpj"
                if path.exists():
                    os.utime(path, (LONG_AGO, LONG_AGO))
                del self._open[journal]

    def _write(self, name: str, data: bytes) -> None:
        if (self._kept.path / f"{name}.rpj").exists():
            self._kept.append(name, data)


@pytest.mark.parametrize("seed", range(30))
def test_everything_arrives_once_and_in_order(seed: int, tmp_path: pathlib.Path) -> None:
    numbers = random.Random(seed)
    kept = Spooled(tmp_path / "spool")
    chaos = Chaos(numbers)
    recorders = Recorders(kept, numbers)
    with ScriptedServer(chaos) as server:  # type: ignore[arg-type]
        driven = Driven(kept.path, server.url)
        for _ in range(150):
            match numbers.choice(["record", "deliver", "deliver", "deliver", "wait", "kill"]):
                case "record":
                    recorders.act()
                case "deliver":
                    driven.deliverer.step()
                case "wait":
                    driven.now += numbers.expovariate(0.1)
                case "kill" if numbers.random() < 0.2:
                    driven.deliverer.close()
                    now, driven = driven.now, Driven(kept.path, server.url)
                    driven.now = now
                case _:
                    server.drop_connections()
        chaos.is_calm = True
        with driven:
            driven.run()
            # A store that was restored is known by its answers at the latest.
            driven.deliverer.courier.lost()
            before = len(chaos.model.received)
            driven.run()
            asked = len(chaos.model.received) - before
    content = kept.content()
    assert chaos.model.segments == {
        name: data[: records_end(data)] for name, data in content.items()
    }
    assert asked <= 2 * len(content)
    assert len(chaos.faults) > 3
