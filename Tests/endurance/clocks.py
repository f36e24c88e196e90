"""Clocks that are wrong: recorders' in their frames, and the file system's in the files' ages."""

import functools
import os
import pathlib
import time

from case import Options
from scene import Scene
from waiting import expect, until

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
        for training in trainings:
            name = training.journal.journal
            until(functools.partial(_has_delivered, scene, name), "segments go by")
            _check_last(scene, name)
        scene.end_trainings()
        scene.await_delivered()
        return f"{scene.settle()} frames of clocks 100 years behind to 1,000 ahead"


def _has_delivered(scene: Scene, journal: str) -> bool:
    return _delivered(scene, journal) >= 0


def _delivered(scene: Scene, journal: str) -> int:
    """The number of the newest segment that was delivered; -1: none yet."""
    return max(map(_number, scene.spool.glob(f"delivered/{journal}.*.rpj")), default=-1)


def _check_last(scene: Scene, journal: str) -> None:
    """A living recorder's newest segment is still in the spool."""
    newest = _delivered(scene, journal)  # asked first: it only grows
    pending = max(map(_number, scene.spool.glob(f"{journal}.*.rpj")), default=-1)
    expect(pending > newest, "the file of a living recorder is not moved aside")


def _number(path: pathlib.Path) -> int:
    return int(path.name.split(".")[1])
