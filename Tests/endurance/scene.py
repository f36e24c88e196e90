"""One test's own world: a folder with store and spool, its daemons and recorders, all gone after it."""

import pathlib
import shutil
import subprocess
import tempfile
from typing import Self

import holdings
from daemon import Daemon
from torchrun import Torchrun
from training import Training
from waiting import expect, until
from wire import Journal, Row


class Scene:
    """A context: on leaving it every process is killed; the folder stays where the test failed."""

    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="endurance-"))
        self.store = self.folder / "probe.sqlite"
        self.spool = self._folder("spool")
        self.notes = self._folder("notes")
        self.daemons: list[Daemon] = []
        self.trainings: list[Training] = []
        self.torchruns: list[Torchrun] = []
        self.mounts: list[pathlib.Path] = []
        self.extra: list[Row] = []  # frames that no recorder ended but a test itself
        self.daemon = self.add_daemon(self.store, self.spool)

    def _folder(self, name: str) -> pathlib.Path:
        path = self.folder / name
        path.mkdir(mode=0o700)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for daemon in self.daemons:
            daemon.kill()
        for training in self.trainings:
            training.kill()
        for torchrun in self.torchruns:
            torchrun.kill_all()
        if kind is not None:
            print(f"    what it left is in {self.folder}")
            for daemon in self.daemons:
                print("".join(f"    {line}\n" for line in daemon.log().splitlines()[-12:]), end="")
            return
        for mount in reversed(self.mounts):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(self.folder)

    def add_daemon(self, store: pathlib.Path, spool: pathlib.Path | None) -> Daemon:
        """One more daemon, not started."""
        self.daemons.append(Daemon(self.folder, store, spool))
        return self.daemons[-1]

    def add_torchrun(self, variables: dict[str, str]) -> Torchrun:
        """A training host with a spool of its own, where nothing is started yet."""
        self.torchruns.append(Torchrun(self.folder / "training", variables))
        return self.torchruns[-1]

    def train(
        self, count: int = 1, *, spool: pathlib.Path | None = None, run: str | None = None,
        shift: float = 0, interval: float = 0.002, capacity: int = 64 << 10,
    ) -> list[Training]:  # fmt: skip
        """Starts recorders and waits until each has ended a first step."""
        begun = [
            Training(
                spool or self.spool, self.notes, Journal.new(run, shift),
                interval=interval, capacity=capacity,
            )
            for _ in range(count)
        ]  # fmt: skip
        self.trainings += begun
        for training in begun:
            until(training.is_recording, "a recorder records")
        return begun

    def end_trainings(self, *, may_drop: bool = False) -> None:
        """Ends every recorder that lives, in order."""
        for training in self.trainings:
            if training.process.poll() is None:
                training.end(may_drop=may_drop)

    def truth(self) -> list[Row]:
        """Every frame that any recorder of the scene ended."""
        return [row for training in self.trainings for row in training.rows()] + self.extra

    def settle(self, truth: list[Row] | None = None) -> int:
        """Waits until all is in the store, stops the daemon and checks the store."""
        rows = self.truth() if truth is None else truth
        holdings.await_frames(self.store, len(rows))
        self.daemon.stop()
        return holdings.check(self.store, rows)

    def await_delivered(self) -> None:
        """Waits until no segment is pending."""
        until(lambda: not list(self.spool.glob("*.rpj")), "every segment moves to delivered/")
        expect(not list(self.spool.glob("*.damaged")), "no segment is set aside as damaged")
