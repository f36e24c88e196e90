"""Clients that are faster than the disk."""

import contextlib
import sqlite3
import time

from case import Options
from crowds import check_memory
from delivery import Delivery
from scene import Scene
from wire import Journal


def flood(options: Options) -> str:
    """Whole segments from many clients at once, while somebody else holds the store's write lock for a
    while, as a slow disk would: they are told "later", nothing is lost, memory stays bounded."""
    clients, steps = (8, 5000) if options.is_short else (32, 30_000)
    with Scene() as scene:
        elsewhere = scene.folder / "elsewhere"
        elsewhere.mkdir()
        deliveries = []
        size = 0
        for seed in range(clients):
            journal = Journal.new()
            content = journal.head(0) + b"".join(map(journal.frame, range(steps)))
            size += len(content)
            (elsewhere / journal.file_name(0)).write_bytes(content)
            scene.extra += [journal.row(step) for step in range(steps)]
            socket = scene.daemon.socket
            deliveries.append(Delivery(socket, elsewhere, journal.journal, seed, piece=16 << 20))
        scene.train(2)
        scene.daemon.start_ready()
        begun = time.monotonic()
        for delivery in deliveries:
            delivery.start()
        time.sleep(0.2)
        with contextlib.closing(sqlite3.connect(scene.store, timeout=60)) as slow:
            slow.execute("BEGIN IMMEDIATE")
            time.sleep(2 if options.is_short else 20)
            slow.execute("ROLLBACK")
        for delivery in deliveries:
            delivery.finish()
        took = time.monotonic() - begun
        scene.end_trainings()
        scene.await_delivered()
        peak = check_memory(scene)
        counts: dict[object, int] = {}
        for delivery in deliveries:
            for what, count in delivery.counts.items():
                counts[what] = counts.get(what, 0) + count
        told = ", ".join(f"{what}: {count}" for what, count in sorted(counts.items(), key=str))
        return (
            f"{scene.settle()} frames, {size >> 20} MiB in {took:.1f} s ({told}); VmHWM {peak} MB"
        )
