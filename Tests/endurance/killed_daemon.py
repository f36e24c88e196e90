"""The daemon is killed at random moments while ten recorders write."""

import collections
import random
import time

import holdings
from case import Options
from client import Place
from delivery import Delivery
from scene import Scene
from waiting import expect


def follow(options: Options) -> str:
    """Following the spool, a killed daemon loses nothing, and no recorder notices."""
    dice = random.Random(options.seed)
    with Scene() as scene:
        trainings = scene.train(10, interval=options.interval)
        ready = _kill_again_and_again(scene, options.kills, dice)
        scene.daemon.start_ready()
        scene.end_trainings()
        scene.await_delivered()
        frames = scene.settle()
        longest = max(training.longest_write() for training in trainings)
        return (
            f"{frames} frames, {options.kills} kills, {ready} of them while it served; "
            f"longest write {longest * 1e3:.1f} ms; VmHWM {scene.daemon.peak} MB"
        )


def deliver(options: Options) -> str:
    """Over HTTP: what was acknowledged before a kill is in the store, though it is never sent again."""
    with Scene() as scene:
        return kill_deliveries(scene, scene.daemon.socket, options)


def kill_deliveries(scene: Scene, place: Place, options: Options) -> str:
    """Kills the daemon while ten journals are delivered to it at a place, in the middle of bodies too."""
    elsewhere = scene.folder / "elsewhere"
    trainings = scene.train(10, spool=elsewhere, interval=options.interval)
    deliveries = [
        Delivery(place, elsewhere, training.journal.journal, seed)
        for seed, training in enumerate(trainings)
    ]
    for delivery in deliveries:
        delivery.start()
    ready = _kill_again_and_again(scene, options.kills, random.Random(options.seed))
    scene.daemon.start_ready()
    scene.end_trainings()
    for delivery in deliveries:
        delivery.finish()
    counts = sum(
        (collections.Counter(delivery.counts) for delivery in deliveries),
        start=collections.Counter(),
    )
    frames = scene.settle()
    expect(counts[409] == 0, "no acknowledged offset is ever taken back")
    expect(counts["died"], "a kill cuts off a connection")
    return (
        f"{frames} frames, {options.kills} kills, {ready} of them while it served; "
        f"{counts[200]} bodies acknowledged, {counts['died']} cut off; VmHWM {scene.daemon.peak} MB"
    )


def _kill_again_and_again(scene: Scene, kills: int, dice: random.Random) -> int:
    """Kills at any moment from the start on, every other time from when it serves on; how often it
    served by then."""
    ready = 0
    for number in range(kills):
        if number % 2:
            scene.daemon.start_ready()
        else:
            scene.daemon.start()
        time.sleep(dice.uniform(0.0, 0.4))
        ready += scene.daemon.is_ready()
        scene.daemon.kill()
    expect(holdings.count(scene.store), "it took something in between two kills")
    return ready
