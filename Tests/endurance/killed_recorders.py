"""Recorders are killed, and half records lie at the ends of their files."""

import random
import time

import holdings
from case import Options
from scene import Scene
from waiting import until


def kill(options: Options) -> str:
    """What a killed recorder had ended is in the store, and its run goes on as a new attempt."""
    dice = random.Random(options.seed)
    rounds = 2 if options.is_short else 20
    with Scene() as scene:
        scene.daemon.start_ready()
        for _ in range(rounds):
            begun = scene.train(10, capacity=32 << 10)
            time.sleep(dice.uniform(0.2, 0.8))
            for training in begun:
                training.kill()
        # The same runs again, while the dead ones' last segments still wait.
        resumed = [scene.train(1, run=training.journal.run)[0] for training in begun]
        cut = 0
        for training in begun:
            last = max(scene.spool.glob(f"{training.journal.journal}.*.rpj"), default=None)
            if last:
                with open(last, "ab") as file:
                    cut += file.write(training.journal.frame(10**6)[: dice.randint(1, 400)])
        until(lambda: all(training.is_recording() for training in resumed), "runs go on")
        scene.end_trainings()
        truth = [row for training in scene.trainings for row in training.rows_in_files()]
        holdings.await_frames(scene.store, len(truth))
        scene.daemon.kill()
        scene.daemon.start_ready()
        frames = scene.settle(truth)
        return f"{frames} frames of {len(scene.trainings)} recorders, {10 * rounds} killed, {cut} bytes cut"
