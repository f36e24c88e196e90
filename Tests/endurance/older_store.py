"""The store is an older copy, is deleted, or another file takes its place."""

import pathlib
import shutil
from collections.abc import Callable

import holdings
from case import Options
from client import post
from daemon import Daemon
from delivery import Delivery
from scene import Scene
from waiting import expect, until
from wire import Journal


def restore(_: Options) -> str:
    """An older copy is put back: the rest comes again from delivered/, and from a client over HTTP."""
    with Scene() as scene:
        elsewhere = scene.folder / "elsewhere"
        scene.train(4)
        remote = scene.train(2, spool=elsewhere)
        deliveries = [
            Delivery(scene.daemon.socket, elsewhere, training.journal.journal, seed, asks_anew=True)
            for seed, training in enumerate(remote)
        ]
        for delivery in deliveries:
            delivery.start()
        scene.daemon.start_ready()
        holdings.await_frames(scene.store, 500)
        scene.daemon.stop()
        copy = scene.folder / "copy.sqlite"
        shutil.copyfile(scene.store, copy)
        older = holdings.count(copy)
        scene.daemon.start_ready()
        until(lambda: holdings.count(scene.store) > 2 * older, "more comes in")
        until(lambda: list(scene.spool.glob("delivered/*.rpj")), "segments are delivered")
        scene.daemon.kill()
        _remove(scene.store)
        shutil.copyfile(copy, scene.store)
        scene.daemon.start_ready()
        scene.end_trainings()
        for delivery in deliveries:
            delivery.finish()
        scene.await_delivered()
        frames = scene.settle()
        cut = sum(delivery.counts.get("died", 0) for delivery in deliveries)
        return f"{frames} frames, {older} of them in the copy; connections cut {cut} times"


def delete(options: Options) -> str:
    """The open store is deleted: 503 and an end with a message; started again all is there again."""
    return _gone(options, lambda scene: _remove(scene.store), "was deleted while it was open")


def replace(options: Options) -> str:
    """Another store is moved over the open one: the same, and the other's frames stay."""

    def act(scene: Scene) -> None:
        other = scene.folder / "other.sqlite"
        maker = scene.add_daemon(other, None)
        maker.start_ready()
        maker.stop()
        other.rename(scene.store)

    return _gone(options, act, "another file was put in its place")


def _gone(options: Options, act: Callable[[Scene], None], words: str) -> str:
    seen: list[int] = []
    with Scene() as scene:
        scene.train(4)
        for _ in range(2 if options.is_short else 20):
            scene.daemon.start_ready()
            until(lambda: list(scene.spool.glob("delivered/*.rpj")), "segments are delivered")
            act(scene)
            seen.append(_answer(scene.daemon))
            code = scene.daemon.wait()
            expect(code == 1, f"it ends itself with 1, not {code}: {scene.daemon.log()!r}")
            expect(words in scene.daemon.log(), f"it says why: {scene.daemon.log()!r}")
            for path in scene.folder.glob("probe.sqlite-*"):
                path.unlink()
        scene.daemon.start_ready()
        scene.end_trainings()
        scene.await_delivered()
        return f"{scene.settle()} frames; HTTP said {seen} (0: it had ended already)"


def _answer(daemon: Daemon) -> int:
    """What a body gets whose store has just gone: 503, or nothing where the daemon was quicker."""
    journal = Journal.new()
    try:
        answer = post(daemon.socket, journal.file_name(0), 0, journal.head(0) + journal.frame(0))
    except OSError:
        return 0
    expect(answer.status == 503, f"a body for a store that is gone gets 503: {answer}")
    return answer.status


def _remove(store: pathlib.Path) -> None:
    for path in (store, pathlib.Path(f"{store}-wal"), pathlib.Path(f"{store}-shm")):
        path.unlink(missing_ok=True)
