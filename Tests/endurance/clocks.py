"""Clocks that are wrong: recorders' in their frames, and the file system's in the files' ages."""

import os
import time

from case import Options
from scene import Scene
from waiting import expect

YEAR = 365 * 86_400


def shift(options: Options) -> str:
    """A clock that is set back or ahead by years loses no frame, and no living recorder's file moves."""
    with Scene() as scene:
        trainings = [scene.train(1, shift=years * YEAR)[0] for years in (-100, -20, 0, 1, 20, 1000)]
        scene.daemon.start_ready()
        ages = [-50 * YEAR, -10 * YEAR, -3600, 0, 3600, 10 * YEAR]
        for number in range(20 if options.is_short else 500):
            for place, training in enumerate(trainings):
                moment = max(1.0, time.time() + ages[(number + place) % len(ages)])
                for path in scene.spool.glob(f"{training.journal.journal}.*.rpj"):
                    try:
                        os.utime(path, (moment, moment))
                    except FileNotFoundError:
                        continue  # it moved to delivered/ meanwhile
            time.sleep(0.1)
        numbers = {
            training.journal.journal: _last(scene, training.journal.journal)
            for training in trainings
        }
        expect(all(numbers.values()), "segments went by")
        scene.end_trainings()
        scene.await_delivered()
        return f"{scene.settle()} frames of clocks 100 years behind to 1,000 ahead"


def _last(scene: Scene, journal: str) -> int:
    """The number of a living recorder's newest segment, which must still be in the spool."""
    pending = [int(path.name.split(".")[1]) for path in scene.spool.glob(f"{journal}.*.rpj")]
    delivered = [
        int(path.name.split(".")[1]) for path in scene.spool.glob(f"delivered/{journal}.*.rpj")
    ]
    newest = max(delivered, default=-1)
    expect(max(pending, default=-1) > newest, "the file of a living recorder is not moved aside")
    return newest + 1
