"""A training on four processes as torchrun starts it, and what its processes noted."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
from importlib.util import find_spec

from case import Skipped
from daemon import REPOSITORY
from waiting import Broken, expect, until

RANKS = 4
ROWS = 8  # of each rank's batches
RUN = "c1" * 16
SOURCES = REPOSITORY / "Sources" / "python"
PROGRAM = pathlib.Path(__file__).with_name("cluster_training.py")


def python() -> str:
    """A Python that has torch: RESNET_PROBE_PYTHON, or the one that runs the tests."""
    given = os.environ.get("RESNET_PROBE_PYTHON")
    if given is None and find_spec("torch") is None:
        raise Skipped("this Python has no torch: name one that has it in RESNET_PROBE_PYTHON")
    return given or sys.executable


@dataclasses.dataclass(frozen=True)
class Start:
    """What the processes of one start have noted so far, by rank."""

    place: tuple[int, int]  # launch of torchrun, and its restarts before
    processes: dict[int, int]
    first_step: int
    steps: dict[int, list[int]]  # those that each process ended

    @property
    def made(self) -> int:
        """How many steps all of them have made."""
        return min(map(len, self.steps.values())) if len(self.steps) == RANKS else 0


class Torchrun:
    """torchrun and its processes, which deliver what they record.

    Args:
        folder: Where notes, checkpoints, the spool and what is printed go.
        variables: Where they deliver to.
    """

    def __init__(self, folder: pathlib.Path, variables: dict[str, str]) -> None:
        self.folder, self.spool = folder, folder / "spool"
        self.notes = folder / "notes"
        self.notes.mkdir(parents=True)
        self.spool.mkdir(mode=0o700)
        self.launches = 0
        self.process: subprocess.Popen[bytes] | None = None
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RESNET_PROBE", "XDG_", "TORCHELASTIC"))
        }
        self.environment = kept | variables | {
            "PYTHONPATH": str(SOURCES),
            "OMP_NUM_THREADS": "1",
            # With the store that torchrun keeps over a restart gloo connects to processes that are gone.
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
            "RESNET_PROBE_SPOOL": str(self.spool),
            "RESNET_PROBE_RUN_ID": RUN,
            "RESNET_PROBE_FINISH_WAIT": "1",
        }  # fmt: skip

    def launch(self) -> None:
        """Starts torchrun; does not wait."""
        self.launches += 1
        command = [
            python(), "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}",
            "--max-restarts=8", "--monitor-interval=0.1", PROGRAM, self.folder,
            str(ROWS),
        ]  # fmt: skip
        with open(self.folder / "printed", "ab") as printed:
            self.process = subprocess.Popen(
                command, stdout=printed, stderr=printed, stdin=subprocess.DEVNULL,
                env=self.environment | {"LAUNCH": str(self.launches)},
            )  # fmt: skip

    def printed(self) -> str:
        """What all launches and their processes have printed."""
        return (self.folder / "printed").read_text(errors="replace")

    def latest(self) -> Start:
        """The newest start that noted anything."""
        paths: dict[tuple[int, int], list[pathlib.Path]] = {}
        for path in self.notes.iterdir():
            launch, restarts, _ = map(int, path.name.split("."))
            paths.setdefault((launch, restarts), []).append(path)
        if not paths:
            return Start((0, 0), {}, 0, {})
        place = max(paths)
        processes, steps, firsts = {}, {}, set()
        for path in paths[place]:
            head, *lines = path.read_text().split("\n")[:-1] or [""]
            if head:
                rank = int(path.name.split(".")[2])
                process, first = map(int, head.split())
                processes[rank], steps[rank] = process, list(map(int, lines))
                firsts.add(first)
        expect(len(firsts) <= 1, f"all ranks begin with one step: {firsts}")
        return Start(place, processes, max(firsts, default=0), steps)

    def await_steps(self, more: int, after: tuple[int, int] = (0, 0)) -> Start:
        """Waits until all ranks of a start later than `after` have made so many steps."""

        def has_made() -> Start | None:
            assert self.process is not None
            if self.process.poll() is not None:
                raise Broken(f"torchrun ended with {self.process.returncode}: {self._last()}")
            start = self.latest()
            return start if start.place > after and start.made >= more else None

        start = until(has_made, f"four ranks make {more} steps", 240)
        assert start is not None
        return start

    def kill_rank(self, rank: int) -> tuple[int, int]:
        """kill -9 of one process; which start it was of."""
        start = self.latest()
        os.kill(start.processes[rank], signal.SIGKILL)
        return start.place

    def kill_all(self) -> tuple[int, int]:
        """kill -9 of torchrun and its processes, as where a machine is lost; which start that was."""
        start = self.latest()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for process in start.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return start.place

    def end(self) -> None:
        """Has the training complete; it must end well."""
        assert self.process is not None
        (self.folder / "enough").touch()
        until(lambda: self.process is None or self.process.poll() is not None, "torchrun ends")
        expect(self.process.returncode == 0, f"the training completes: {self._last()}")

    def deliver(self) -> str:
        """What `python -m resnet_probe deliver` prints; all must be delivered."""
        outcome = subprocess.run(
            [python(), "-m", "resnet_probe", "deliver"], env=self.environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        expect(outcome.returncode == 0, f"deliver delivers all: {outcome.stderr}")
        return outcome.stdout

    def _last(self) -> str:
        return self.printed()[-2000:]
