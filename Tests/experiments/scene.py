"""One world for all experiments: a spool, a store, the command, and what was trained so far."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any, Self

ROOT = pathlib.Path(__file__).resolve().parents[2]

Row = dict[str, Any]

EXPECTED = ("resnet-probe: recording '", "resnet-probe: bypass: ")
"""How lines begin that the package is to say."""


class Broken(Exception):
    """The command or the recorder did what it must not do."""


class Scene:
    """A context; on leaving it spool and store are gone, unless an experiment failed to run.

    Attributes:
        is_fast: Whether only a subset is asked for, at a size that takes seconds.
        seeds: How many seeds were asked for; None: as many as the experiment thinks right.
    """

    def __init__(self, is_fast: bool = False, seeds: int | None = None) -> None:
        self.is_fast = is_fast
        self.seeds = seeds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="experiments-"))
        self.spool = self.folder / "spool"
        self.store = self.folder / "probe.sqlite"
        self.kept: dict[Any, Any] = {}  # trainings that several experiments look at
        self._errors = os.dup(2)
        self._has_news = True

    def __enter__(self) -> Self:
        for name in [name for name in os.environ if name.startswith("RESNET_PROBE_")]:
            if name != "RESNET_PROBE_BINARY":
                del os.environ[name]
        self.spool.mkdir(mode=0o700)
        os.environ["RESNET_PROBE_SPOOL"] = str(self.spool)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        os.close(self._errors)
        shutil.rmtree(self.folder, ignore_errors=True)

    def seeds_or(self, usual: int) -> range:
        """The seeds to go through."""
        return range(self.seeds or (1 if self.is_fast else usual))

    def say(self, words: str) -> None:
        """One line of progress; redrawn on a terminal."""
        line = f"\r\x1b[K{words[:100]}" if os.isatty(self._errors) else f"    {words}\n"
        os.write(self._errors, line.encode())

    def end_line(self) -> None:
        """Keeps the line of progress that stands."""
        if os.isatty(self._errors):
            os.write(self._errors, b"\n")

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """While the package is at work: it says what it records or bypasses, and nothing else."""
        self._has_news = True
        with tempfile.TemporaryFile() as said:
            sys.stderr.flush()
            os.dup2(said.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(self._errors, 2)
                said.seek(0)
                lines = said.read().decode().splitlines()
                other = [line for line in lines if not line.startswith(EXPECTED)]
                for line in other:
                    self.say(line)
        if other:
            raise Broken(f"the recorder said: {other[0]}")

    def report(self, run: str) -> Row:
        """What the command reports of a run, by its identity."""
        self.take_in()
        found = json.loads(self.command("report", "--run", run, "--json", "--store", self.store))
        assert isinstance(found, dict)
        return found

    def plan(self, run: str, *options: str) -> Row:
        """Which of a run's blocks the command proposes to leave out."""
        self.take_in()
        found = json.loads(
            self.command("plan", "--run", run, *options, "--json", "--store", self.store)
        )
        assert isinstance(found, dict)
        return found

    def compare(self, runs: list[str]) -> Row:
        """What the command says of runs beside each other."""
        self.take_in()
        found = json.loads(self.command("compare", *runs, "--json", "--store", self.store))
        assert isinstance(found, dict)
        return found

    def query(self, sql: str) -> list[Row]:
        """The rows that a statement selects."""
        self.take_in()
        found = json.loads(self.command("query", sql, "--json", "--store", self.store))
        assert isinstance(found, list)
        return found

    def number(self, run: str) -> int:
        """The store's number of a run: by it a view reads that run alone."""
        (row,) = self.query(f"SELECT id FROM run WHERE uuid = '{run}'")
        return int(row["id"])

    def take_in(self) -> None:
        """Whatever the spool holds goes into the store."""
        if self._has_news:
            self.command("ingest", "--store", self.store, "--spool", self.spool)
            self._has_news = False

    def leave(self, name: str, segment: bytes) -> None:
        """A journal that no recorder wrote goes into the spool."""
        (self.spool / name).write_bytes(segment)
        self._has_news = True

    def command(self, *arguments: str | pathlib.Path) -> str:
        """What the command prints."""
        outcome = subprocess.run(
            [program(), *arguments], capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if outcome.returncode != 0:
            raise Broken(f"resnet-probe {arguments[0]}: {outcome.stderr.strip()}")
        return outcome.stdout


def program() -> pathlib.Path:
    """The command that is tried."""
    given = os.environ.get("RESNET_PROBE_BINARY")
    return pathlib.Path(given) if given else ROOT / ".build" / "release" / "resnet-probe"


def fresh_identity() -> str:
    """A run's identity."""
    return uuid.uuid4().hex
