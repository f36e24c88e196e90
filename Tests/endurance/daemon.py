"""The daemon under test: a real process, started, stopped and killed, its log and its memory."""

import os
import pathlib
import re
import signal
import subprocess

from waiting import Broken, expect, until

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("RESNET_PROBE") or str(REPOSITORY / ".build/release/resnet-probe")


class Daemon:
    """`resnet-probe serve` over one store and perhaps one spool."""

    def __init__(
        self, folder: pathlib.Path, store: pathlib.Path, spool: pathlib.Path | None,
        socket: pathlib.Path | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.store, self.spool = folder, store, spool
        self.socket = socket or pathlib.Path(f"{store}.run/socket")
        self.options: tuple[str, ...] = ()  # what else it is told
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.peak = 0

    def start(self) -> None:
        """Starts it; does not wait."""
        self.starts += 1
        arguments = ["serve", f"--store={self.store}", f"--socket={self.socket}"]
        arguments += self.options
        if self.spool:
            arguments.append(f"--spool={self.spool}")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RESNET_PROBE", "XDG_"))
        }
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        with open(self.log_path(), "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=environment | {"HOME": str(self.folder)},
            )  # fmt: skip

    def log_path(self) -> pathlib.Path:
        """The log of the latest start."""
        return self.folder / f"{self.store.name}-{id(self):x}-{self.starts}.log"

    def log(self) -> str:
        """What the latest start has said."""
        return self.log_path().read_text(errors="replace") if self.starts else ""

    def is_ready(self) -> bool:
        """Whether it has said that it serves."""
        return "serving " in self.log()

    def start_ready(self) -> None:
        """Starts it and waits until it serves."""
        self.start()
        until(lambda: self.is_ready() or self.has_ended(), "the daemon serves")
        expect(not self.has_ended(), f"the daemon serves; it says {self.log()!r}")

    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """kill -9."""
        if self.process:
            self.note_peak()
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """Ends it in order; it must end with 0 by itself."""
        expect(not self.has_ended(), f"the daemon lives until it is stopped; {self.log()!r}")
        assert self.process is not None
        self.note_peak()
        self.process.send_signal(signal.SIGTERM)
        code = self.wait()
        expect(code == 0, f"a stopped daemon ends with 0, not {code}: {self.log()!r}")

    def wait(self, seconds: float = 60) -> int:
        """Waits until it ends by itself; its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Broken(f"the daemon does not end: {self.log()!r}") from None

    def memory(self, kind: str) -> float:
        """VmRSS (now) or VmHWM (at most, so far), in megabytes; 0 for one that ended."""
        if self.process is None:
            return 0
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(rf"{kind}:\s+(\d+) kB", status)
        return int(found[1]) / 1000 if found else 0

    def note_peak(self) -> float:
        """The most memory that any start of it has had, in megabytes."""
        self.peak = max(self.peak, round(self.memory("VmHWM")))
        return self.peak
