"""Segments as recorders leave them in a spool, and a delivery of them that a test drives by hand."""

import contextlib
import fcntl
import os
import pathlib

from resnet_probe.delivery.courier import Remark
from resnet_probe.delivery.deliverer import Deliverer
from resnet_probe.delivery.destination import read_destination
from resnet_probe.journal import wire
from resnet_probe.journal.frame import Frame
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.spool import Spool

from journals import residual_blocks

LONG_AGO = 1_000_000_000
END = wire.framed(wire.finished_record(True, 1.75e9, 9, 0))


def head(journal: str, number: int = 0) -> bytes:
    """What a segment begins with."""
    identity = bytes.fromhex(journal)
    opened = RunOpened(identity, identity, f"run {journal[:4]}", started_at=1.75e9)
    records = [wire.opened_record(opened, identity, number)]
    records.append(wire.block_map_record(residual_blocks(1)))
    return wire.header(identity, number) + b"".join(map(wire.framed, records))


def frame(step: int, metrics: int = 0) -> bytes:
    """The record of a step, longer with more metrics."""
    named = {f"metric {key:060}": float(key) for key in range(metrics)}
    return wire.framed(wire.frame_record(Frame(step, 1.75e9 + step, metrics=named), 1))


def frames(count: int, first: int = 0) -> bytes:
    return b"".join(frame(step) for step in range(first, first + count))


class Spooled:
    """A spool in a test's folder."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        path.mkdir(mode=0o700, exist_ok=True)

    def write(self, name: str, data: bytes, *, modified: int | None = None) -> pathlib.Path:
        """Makes a segment's file; of now if `modified` is not given."""
        path = self.path / f"{name}.rpj"
        path.write_bytes(data)
        if modified is not None:
            os.utime(path, (modified, modified))
        return path

    def append(self, name: str, data: bytes) -> None:
        with open(self.path / f"{name}.rpj", "ab") as file:
            file.write(data)

    def files(self, folder: str = ".") -> set[str]:
        """The names in a folder of the spool, but for lock files."""
        place = self.path / folder
        if not place.is_dir():
            return set()
        return {path.name for path in place.iterdir() if path.name.endswith((".rpj", ".damaged"))}

    def content(self) -> dict[str, bytes]:
        """The bytes of every segment, wherever it lies."""
        found: dict[str, bytes] = {}
        for path in self.path.rglob("*.rpj*"):
            name = path.name.removesuffix(".damaged").removesuffix(".rpj")
            with contextlib.suppress(FileNotFoundError):  # it is moved aside just now
                found[name] = path.read_bytes()
        return found


class Held:
    """Holds a file's lock as a living recorder, or a daemon, does."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file = open(path, "ab")  # noqa: SIM115
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def free(self) -> None:
        self._file.close()


class Driven:
    """A deliverer whose clock a test moves."""

    def __init__(self, spool: pathlib.Path, url: str, **variables: str) -> None:
        self.now = 1000.0
        self.remarks: list[Remark] = []
        destination = read_destination({"RESNET_PROBE_URL": url, **variables})
        assert destination is not None
        self.deliverer = Deliverer(
            Spool(str(spool)), destination, self.remarks.append, clock=lambda: self.now
        )

    def __enter__(self) -> "Driven":  # noqa: PYI034  (typing.Self is of Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.deliverer.close()

    def run(self, most: int = 10_000) -> None:
        """Goes on until nothing is to be sent, without any real waiting."""
        self.deliverer.look()
        for _ in range(most):
            if not self.deliverer.step():
                if self.deliverer.courier.is_idle:
                    self.deliverer.look()
                    return
                self.now = max(self.now, self.deliverer.courier.due)
        raise AssertionError(f"it goes on after {most} steps")
