"""Disks that are full, and a spool that cannot be written."""

import time
from collections.abc import Callable

import holdings
import mounts
from case import Options
from client import Answer, get, post
from delivery import Delivery
from scene import Scene
from waiting import expect, until
from wire import Journal


def full(options: Options) -> str:
    """The store's disk is full and freed: 507 over HTTP, the follower waits and goes on."""
    with Scene() as scene:
        disk = scene.folder / "disk"
        disk.mkdir()
        mounts.small(scene, disk, 256)
        scene.store = disk / "probe.sqlite"
        scene.daemon = scene.add_daemon(scene.store, scene.spool)
        elsewhere = scene.folder / "elsewhere"
        scene.train(4)
        remote = scene.train(1, spool=elsewhere)[0]
        delivery = Delivery(scene.daemon.socket, elsewhere, remote.journal.journal, options.seed)
        scene.daemon.start_ready()
        holdings.await_frames(scene.store, 200)
        delivery.start()
        waited = 0
        for _ in range(2 if options.is_short else 8):
            with mounts.filled(disk):
                before = _answers_507(scene)
                health = get(scene.daemon.socket, "/v1/health")
                expect(health.status == 503, f"health says that it cannot write: {health}")
                expect("full" in str(health.body["problem"]), f"and why: {health}")
                _await_more(lambda: delivery.counts.get(507, 0), 1, "a client is told: later")
                time.sleep(0.5)
                waited += len(scene.truth()) - before
            until(lambda: get(scene.daemon.socket, "/v1/health").status == 200, "it is well again")
            taken_in = holdings.count(scene.store)
            holdings.await_frames(scene.store, taken_in + 500)
        scene.end_trainings()
        delivery.finish()
        scene.await_delivered()
        expect("full" in scene.daemon.log(), f"the log says it: {scene.daemon.log()!r}")
        frames = scene.settle()
        return f"{frames} frames, {waited} waited for room; 507 {delivery.counts[507]} times"


def _await_more(count: Callable[[], int], more: int, what: str) -> None:
    before = count()
    until(lambda: count() >= before + more, what)


def _answers_507(scene: Scene) -> int:
    """Waits until a body is refused for want of room; how many frames the store holds then."""

    def is_refused() -> Answer | None:
        # New each time, and short enough for one commit: what fitted is known from then on.
        journal = Journal.new()
        body = journal.head(0) + b"".join(map(journal.frame, range(200)))
        answer = post(scene.daemon.socket, journal.file_name(0), 0, body)
        if answer.status == 200:
            scene.extra += [journal.row(step) for step in range(200)]
        return answer if answer.status != 200 else None

    answer = until(is_refused, "a body is refused")
    assert answer is not None
    expect(answer.status == 507, f"a full disk is told as 507: {answer}")
    return holdings.count(scene.store)


def full_spool(options: Options) -> str:
    """The spool's disk is full and freed: what recorders could end is in the store, no more is asked."""
    with Scene() as scene:
        mounts.small(scene, scene.spool, 8)
        scene.daemon.start_ready()
        trainings = scene.train(4)
        for _ in range(2 if options.is_short else 10):
            with mounts.filled(scene.spool, spare=3000):
                time.sleep(1)
            _await_more(lambda: len(scene.truth()), 100, "recorders go on")
        scene.end_trainings(may_drop=True)
        dropped = sum(training.dropped() for training in trainings)
        expect(dropped, "the disk was full for the recorders")
        scene.await_delivered()
        return f"{scene.settle()} frames, {dropped} found no room"


def read_only_spool(options: Options) -> str:
    """A spool that the daemon cannot write is followed; what is taken in stays where it is."""
    with Scene() as scene:
        seen = scene.folder / "seen"
        mounts.read_only(scene, scene.spool, seen)
        scene.daemon = scene.add_daemon(scene.store, seen)
        scene.train(4, capacity=32 << 10)
        scene.daemon.start_ready()
        expect("read-only" in scene.daemon.log(), f"it says so: {scene.daemon.log()!r}")
        holdings.await_frames(scene.store, 2000 if options.is_short else 50_000)
        scene.daemon.kill()
        scene.daemon.start_ready()
        holdings.await_frames(scene.store, len(scene.truth()))
        expect(not (scene.spool / "delivered").exists(), "nothing is moved")
        scene.daemon.kill()
        mounts.writable(seen)
        scene.daemon.start_ready()
        scene.end_trainings()
        scene.await_delivered()
        return f"{scene.settle()} frames"
