"""Two daemons are started at the same moment: exactly one serves, the other refuses and names the first."""

import shutil

from case import Options
from client import get
from daemon import Daemon
from scene import Scene
from waiting import expect, until


def race(options: Options) -> str:
    """Over one socket, one store with two sockets, and one spool with two stores."""
    rounds = 4 if options.is_short else 100
    words: dict[str, int] = {}
    with Scene() as scene:
        scene.train(2)
        other = scene.folder / "other.sqlite"
        apart = scene.folder / "apart" / "socket"
        for number in range(rounds):
            rival = Daemon(scene.folder, scene.store, scene.spool)
            if number % 4 == 2:
                rival = Daemon(scene.folder, scene.store, None, socket=apart)
            elif number % 4 == 3:
                rival = Daemon(scene.folder, other, scene.spool)
            scene.daemons.append(rival)
            _start_both(scene.daemon, rival)
            refused = rival if rival.has_ended() else scene.daemon
            serving = scene.daemon if refused is rival else rival
            _check(serving, refused)
            word = refused.log().split(" at ")[0].split("/")[0].strip()
            words[word] = words.get(word, 0) + 1
            serving.kill()
            if serving.store == other:
                # What it took in and moved is not in the first store: that takes delivered/ in again.
                shutil.rmtree(f"{other}.run", ignore_errors=True)
        scene.daemon.start_ready()
        scene.end_trainings()
        scene.await_delivered()
        told = ", ".join(f"{count} times {word!r}" for word, count in sorted(words.items()))
        return f"{rounds} races, {scene.settle()} frames; {told}"


def _start_both(first: Daemon, second: Daemon) -> None:
    first.start()
    second.start()
    until(lambda: first.has_ended() or second.has_ended(), "one of two daemons refuses")
    until(
        lambda: first.is_ready() or second.is_ready() or (first.has_ended() and second.has_ended()),
        "one of two daemons serves",
    )


def _check(serving: Daemon, refused: Daemon) -> None:
    assert serving.process is not None
    code = refused.wait()
    expect(code == 1, f"the one that refuses ends with 1, not {code}")
    expect(not serving.has_ended(), f"one of two serves: {serving.log()!r} {refused.log()!r}")
    number = str(serving.process.pid)
    expect(number in refused.log(), f"it names process {number}: {refused.log()!r}")
    health = get(serving.socket, "/v1/health")
    expect(health.status == 200, f"the one that serves answers: {health}")
    expect(health.body["process"] == serving.process.pid, "it is that one which answers")
