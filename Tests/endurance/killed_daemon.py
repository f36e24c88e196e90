"""The daemon is killed at random moments while ten recorders write."""

import random
import time

from case import Options
from scene import Scene


def follow(options: Options) -> str:
    """Following the spool, a killed daemon loses nothing, and no recorder notices."""
    dice = random.Random(options.seed)
    with Scene() as scene:
        trainings = scene.train(10, interval=options.interval)
        ready = 0
        for _ in range(options.kills):
            scene.daemon.start()
            time.sleep(dice.uniform(0.0, 0.5))
            ready += scene.daemon.is_ready()
            scene.daemon.kill()
        scene.daemon.start_ready()
        scene.end_trainings()
        scene.await_delivered()
        frames = scene.settle()
        longest = max(training.longest_write() for training in trainings)
        return (
            f"{frames} frames, {options.kills} kills, {ready} of them while it served; "
            f"longest write {longest * 1e3:.1f} ms; VmHWM {scene.daemon.peak} MB"
        )
