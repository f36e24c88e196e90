"""The daemon is away, and what recorders write meanwhile waits for it."""

import time

import holdings
from case import Options
from scene import Scene
from waiting import expect, until
from wire import Journal


def stop(options: Options) -> str:
    """Stopped in order again and again while ten recorders write, and away for a while: nothing is lost."""
    with Scene() as scene:
        scene.train(10)
        for _ in range(3 if options.is_short else 50):
            scene.daemon.start_ready()
            time.sleep(0.3)
            scene.daemon.stop()
            taken_in = holdings.count(scene.store)
            time.sleep(0.3)
            expect(holdings.count(scene.store) == taken_in, "nobody else takes in")
        waits = len(scene.truth()) - holdings.count(scene.store)
        scene.daemon.start_ready()
        scene.end_trainings()
        scene.await_delivered()
        return f"{scene.settle()} frames, {waits} of them waited for the last start"


def thousand(options: Options) -> str:
    """A thousand journals wait in the spool when it starts, and a living run is not kept waiting for ever."""
    journals = [Journal.new() for _ in range(1000 if options.is_short else 5000)]
    steps = range(8)
    with Scene() as scene:
        for journal in journals:
            content = journal.head(0) + b"".join(map(journal.frame, steps)) + journal.finished(8)
            (scene.spool / journal.file_name(0)).write_bytes(content)
        truth = [journal.row(step) for journal in journals for step in steps]
        begun = time.monotonic()
        scene.daemon.start_ready()
        ready = time.monotonic() - begun
        scene.train(1)
        until(lambda: holdings.count(scene.store) > len(truth), "the backlog and the living run")
        took = time.monotonic() - begun
        scene.end_trainings()
        scene.await_delivered()
        frames = scene.settle(truth + scene.truth())
        return (
            f"{len(journals)} journals, {frames} frames; serving after {ready:.1f} s, "
            f"caught up after {took:.1f} s; VmHWM {scene.daemon.peak} MB"
        )
