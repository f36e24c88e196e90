"""A recorder process as the tests hold it: started, ended in order or killed, and what it noted."""

import pathlib
import signal
import subprocess
import sys

from waiting import Broken, expect
from wire import Journal, Row, steps_in

PROGRAM = pathlib.Path(__file__).with_name("recorder.py")


class Training:
    """One recorder process and its side log."""

    def __init__(
        self, spool: pathlib.Path, notes: pathlib.Path, journal: Journal | None = None, *,
        interval: float = 0.002, capacity: int = 64 << 10,
    ) -> None:  # fmt: skip
        self.journal = journal or Journal.new()
        self.spool = spool
        self.note = notes / f"{self.journal.journal}.steps"
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = {
            "run": self.journal.run, "journal": self.journal.journal,
            "shift": self.journal.shift, "interval": interval, "capacity": capacity,
        }  # fmt: skip
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen([sys.executable, PROGRAM, spool, self.note, *arguments])

    def is_recording(self) -> bool:
        """Whether it has noted a first step."""
        return bool(self.steps())

    def steps(self) -> list[int]:
        """The steps that it has noted as ended."""
        if not self.note.exists():
            return []
        lines = self.note.read_text().split("\n")[:-1]
        return [int(line) for line in lines if not line.startswith("end")]

    def rows(self) -> list[Row]:
        """What a store must hold of it."""
        return [self.journal.row(step) for step in self.steps()]

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def end(self, *, may_drop: bool = False) -> None:
        """Ends it in order; it must not have noticed anything."""
        self.process.send_signal(signal.SIGTERM)
        expect(self.process.wait(60) == 0, "a recorder ends with 0")
        finished, dropped, _ = self._end()
        expect(finished == 1, "a recorder writes the end of its journal")
        expect(may_drop or dropped == 0, f"no recorder notices; this one dropped {dropped:.0f}")

    def dropped(self) -> int:
        """How many frames found no room."""
        return int(self._end()[1])

    def longest_write(self) -> float:
        """The longest that a record's write took, in seconds."""
        return self._end()[2]

    def _end(self) -> tuple[float, float, float]:
        last = self.note.read_text().split("\n")[-2].split()
        if last[0] != "end":
            raise Broken("a recorder did not reach its end")
        return float(last[1]), float(last[2]), float(last[3])

    def rows_in_files(self) -> list[Row]:
        """What its segments hold, wherever they lie: all that it ended, and of a killed one perhaps
        a last frame that was written but not noted."""
        found: dict[str, bytes] = {}
        for path in sorted(self.spool.rglob(f"{self.journal.journal}.*.rpj")):
            try:
                found[path.name] = path.read_bytes()
            except FileNotFoundError:  # the daemon has moved it since
                found[path.name] = (self.spool / "delivered" / path.name).read_bytes()
        steps = [step for content in found.values() for step in steps_in(content)]
        noted = self.steps()
        expect(len(set(steps)) == len(steps), "no step is in the files twice")
        expect(set(noted) <= set(steps), "every noted step is in the files")
        expect(len(steps) <= len(noted) + 1, "at most one step is written and not noted")
        return [self.journal.row(step) for step in steps]
