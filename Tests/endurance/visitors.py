"""Others look into the store while it grows: with SQLite, with the command, over HTTP."""

import contextlib
import sqlite3
import subprocess

import holdings
from case import Options
from client import get
from daemon import PROGRAM
from delivery import Delivery
from scene import Scene
from waiting import expect


def visit(options: Options) -> str:
    """A visitor who opens and closes the store takes nothing away: a process that has lost its locks on
    the file would find its write-ahead log deleted by the visitor's close, and go on writing into it."""
    with Scene() as scene:
        elsewhere = scene.folder / "elsewhere"
        scene.train(2)
        remote = scene.train(1, spool=elsewhere)[0]
        delivery = Delivery(scene.daemon.socket, elsewhere, remote.journal.journal, options.seed)
        scene.daemon.start_ready()
        delivery.start()
        holdings.await_frames(scene.store, 100)
        log = scene.store.with_name(f"{scene.store.name}-wal")
        before = log.stat().st_ino
        visits = 10 if options.is_short else 300
        for _ in range(visits):
            for path in ("/v1/runs", "/v1/runs/1/report", "/v1/health"):
                expect(get(scene.daemon.socket, path).status == 200, f"{path} is answered")
            with contextlib.closing(sqlite3.connect(scene.store, timeout=60)) as visitor:
                visitor.execute("BEGIN IMMEDIATE")
                visitor.execute("ROLLBACK")
            command = [PROGRAM, "runs", f"--store={scene.store}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            expect(done.returncode == 0, f"`resnet-probe runs` beside a daemon: {done.stderr}")
            expect(
                log.exists() and log.stat().st_ino == before, "no visitor deletes the daemon's log"
            )
        scene.end_trainings()
        delivery.finish()
        scene.await_delivered()
        return f"{scene.settle()} frames, {visits} visits of each kind"
