#!/usr/bin/env python3
"""Measures intake: rows and values a second against a C program, memory, latency.

    swift build -c release --product resnet-probe
    Tests/Benchmarks/intake/run.py throughput   # POST of prepared segments until the durable answer
    Tests/Benchmarks/intake/run.py latency      # from a frame's append to its row, following the spool
    Tests/Benchmarks/intake/run.py ingest       # `resnet-probe ingest` of the files, verdicts included

Standard library and gcc with SQLite's header only. `throughput` starts a daemon on a new store each
round, POSTs journals of 54 blocks with all statistics over its socket, one body after the other, and
then runs baseline.c, which executes the same statements with the same commits from memory. It prints
the medians over the rounds with least and greatest, their ratio (C's seconds / the daemon's; of
processor seconds too, which other processes disturb less), and the daemon's memory. `latency` appends
frames to a journal in the spool as a recorder does and prints percentiles. Measure on a disk
(--folder), else a commit costs nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import http.client
import itertools
import json
import os
import pathlib
import resource
import signal
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator

from prepared import BLOCKS, PreparedJournal, Segment, frame_bodies

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        """Connects to the path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self.path))


class Daemon:
    """A `resnet-probe serve` on a store and a spool of its own."""

    def __init__(self, program: pathlib.Path, folder: pathlib.Path) -> None:
        self.store = folder / "probe.sqlite"
        self.spool = folder / "spool"
        self.socket = folder / "socket"
        self.spool.mkdir(mode=0o700, parents=True)
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--store", self.store, "--spool", self.spool]
                + ["--socket", self.socket],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 10
        while True:
            with (
                contextlib.suppress(OSError),
                contextlib.closing(UnixConnection(self.socket)) as probe,
            ):
                probe.connect()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(
                    "the daemon does not listen: " + (folder / "log").read_text()
                )
            time.sleep(0.01)

    def memory(self) -> tuple[float, float]:
        """Resident memory now and at its highest, in MB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        now, most = (int(fields[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM"))
        return now, most

    def busy(self) -> float:
        """The processor seconds that it has used."""
        status = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        # After the name, which stands in parentheses: utime and stime are the 14th and 15th field.
        user, system = status.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Ends it in order, which also writes the store's log back into its file."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


@dataclasses.dataclass
class Delivery:
    """What a delivery took, and how many frames each commit held."""

    seconds: float
    busy: float
    frames: list[int]
    idle_memory: float = 0
    peak_memory: float = 0


def post(daemon: Daemon, segments: list[Segment], body_bytes: int) -> Delivery:
    """POSTs segments, body after body, each from where the daemon's answer says it stands."""
    time.sleep(0.5)
    idle, _ = daemon.memory()
    idle_busy = daemon.busy()
    frames: list[int] = []
    began = time.perf_counter()
    with contextlib.closing(UnixConnection(daemon.socket)) as connection:
        for segment in segments:
            offset = taken = 0
            while offset < len(segment.content):
                body = segment.content[offset : offset + body_bytes]
                connection.request(
                    "POST", f"/v1/journals/{segment.name}?offset={offset}", body
                )
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != http.client.OK:
                    raise SystemExit(f"{answer.status} {text.decode(errors='replace')}")
                reached = json.loads(text)["offset"]
                if reached <= offset:
                    raise SystemExit(
                        f"nothing was taken in of {len(body)} bytes from {offset}"
                    )
                offset = reached
                done = sum(end <= offset for end in segment.frame_ends)
                frames.append(done - taken)
                taken = done
    seconds = time.perf_counter() - began
    return Delivery(
        seconds, daemon.busy() - idle_busy, frames, idle, daemon.memory()[1]
    )


def deliver(
    options: argparse.Namespace, folder: pathlib.Path, segments: list[Segment]
) -> tuple[Delivery, pathlib.Path]:
    """Has the program under test take in the segments; says how it went and where the store is."""
    folder.mkdir()
    if options.mode == "throughput":
        daemon = Daemon(options.program, folder)
        try:
            return post(daemon, segments, options.body), daemon.store
        finally:
            daemon.stop()
    store = folder / "probe.sqlite"
    files = []
    for segment in segments:
        files.append(folder / f"{segment.name}.rpj")
        files[-1].write_bytes(segment.content)
    began, busy = time.perf_counter(), children_busy()
    subprocess.run(
        [options.program, "ingest", "--store", store, *files],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    seconds, busy = time.perf_counter() - began, children_busy() - busy
    return Delivery(seconds, busy, list(ingest_commits(segments))), store


def children_busy() -> float:
    """The processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ingest_commits(segments: list[Segment]) -> Iterator[int]:
    """The frames of each commit of `ingest`: it is full with 256 records or 2 MiB."""
    for segment in segments:
        start, records, frames, first = 0, 2, 0, True
        for end in segment.frame_ends:
            records, frames = records + 1, frames + 1
            if records >= 256 or end - start >= 2 << 20:
                yield frames
                start, records, frames, first = end, 0, 0, False
        if frames or first:
            yield frames


def throughput(options: argparse.Namespace, folder: pathlib.Path) -> None:
    """Rounds of the daemon and the C program in turn, and their table."""
    baseline = folder / "baseline"
    subprocess.run(
        [
            "gcc",
            "-O2",
            "-Wall",
            "-o",
            baseline,
            HERE / "baseline.c",
            "-lsqlite3",
            "-lm",
        ],
        check=True,
    )
    bodies = frame_bodies()
    ours: list[Delivery] = []
    theirs: list[tuple[float, float]] = []
    rows = values = 0
    for number in range(options.rounds):
        segments = PreparedJournal(bodies).segments(options.frames, options.every)
        delivery, store = deliver(options, folder / f"round-{number}", segments)
        target = folder / f"baseline-{number}.sqlite"
        output = subprocess.run(
            [baseline, ROOT / "schema.sql", store, target, *map(str, delivery.frames)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.split()
        ours.append(delivery)
        theirs.append((float(output[0]), float(output[1])))
        rows, values = int(output[2]), int(output[3])
        for path in itertools.chain(
            folder.glob("round-*/*.*"), folder.glob("baseline-*.sqlite*")
        ):
            path.unlink()
    if rows != options.frames * BLOCKS:
        raise SystemExit(f"{rows} rows are in the store, not {options.frames * BLOCKS}")
    print(
        f"{options.frames} frames, one every {options.every} steps, {rows} rows, {values} values, "
        f"{len(ours[-1].frames)} commits; {options.rounds} rounds"
    )
    print(
        f"{'':12}{'rows/s':>10}{'values/s':>12}{'seconds':>9}{'processor s':>13}  least to greatest"
    )
    times = {
        options.mode: [(delivery.seconds, delivery.busy) for delivery in ours],
        "C": theirs,
    }
    for name, rounds in times.items():
        seconds = [taken for taken, _ in rounds]
        median = statistics.median(seconds)
        busy = statistics.median(busy for _, busy in rounds)
        print(
            f"{name:12}{rows / median:10.0f}{values / median:12.0f}{median:9.2f}{busy:13.2f}"
            f"  {min(seconds):.2f} to {max(seconds):.2f} s"
        )
    pairs = list(zip(theirs, times[options.mode], strict=True))
    ratios = [c / swift for (c, _), (swift, _) in pairs]
    busy = statistics.median(c / swift for (_, c), (_, swift) in pairs)
    print(
        f"{'ratio':12}{'':22}{statistics.median(ratios):9.2f}{busy:13.2f}"
        f"  {min(ratios):.2f} to {max(ratios):.2f}"
    )
    if options.mode == "throughput":
        idle = statistics.median(delivery.idle_memory for delivery in ours)
        peak = max(delivery.peak_memory for delivery in ours)
        print(f"memory      {idle:.0f} MB idle, {peak:.0f} MB at most under load")


def latency(options: argparse.Namespace, folder: pathlib.Path) -> None:
    """Appends frames one at a time and waits for the row of each."""
    daemon = Daemon(options.program, folder / "latency")
    try:
        ranked = sorted(follow(daemon, options.appends, options.rate))
        _, peak = daemon.memory()
    finally:
        daemon.stop()
    p50, p99 = (ranked[-(-len(ranked) * p // 100) - 1] * 1e3 for p in (50, 99))
    print(f"{len(ranked)} frames at {options.rate:g}/s, from append to row")
    print(
        f"latency     p50 {p50:.0f} ms, p99 {p99:.0f} ms, at most {ranked[-1] * 1e3:.0f} ms"
    )
    print(f"memory      {peak:.0f} MB at most")


def follow(daemon: Daemon, count: int, rate: float) -> list[float]:
    """The seconds from each append to when its row could be read."""
    journal = PreparedJournal(frame_bodies())
    appended: list[float] = []
    waits: list[float] = []
    path = daemon.spool / f"{journal.name(0)}.rpj"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    os.write(file, journal.head(0))
    store = sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True)
    began = time.perf_counter()
    while len(waits) < count:
        now = time.perf_counter()
        if len(appended) < count and now >= began + len(appended) / rate:
            os.write(file, journal.frame(len(appended)))
            appended.append(time.perf_counter())
        last = store.execute("SELECT max(step) FROM frame").fetchone()[0]
        now = time.perf_counter()
        while last is not None and len(waits) <= last:
            waits.append(now - appended[len(waits)])
        if now > began + count / rate + 60:
            raise SystemExit(f"{len(waits)} of {count} frames came within a minute")
        time.sleep(0.001)
    os.close(file)
    return waits


def main() -> None:
    """Reads the command line and runs what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=["throughput", "latency", "ingest"])
    parser.add_argument(
        "--program", type=pathlib.Path, default=ROOT / ".build/release/resnet-probe"
    )
    parser.add_argument(
        "--folder", type=pathlib.Path, help="where stores go (default: a temporary one)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=2000, help="frames a round")
    parser.add_argument(
        "--every", type=int, default=1, help="steps from one frame to the next"
    )
    parser.add_argument(
        "--body", type=int, default=16 << 20, help="bytes of a POST at most"
    )
    parser.add_argument(
        "--appends", type=int, default=500, help="frames that latency appends"
    )
    parser.add_argument(
        "--rate", type=float, default=20, help="frames a second that it appends"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="intake-") as name:
        run = latency if options.mode == "latency" else throughput
        run(options, pathlib.Path(name))


if __name__ == "__main__":
    main()
