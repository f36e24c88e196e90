"""Small and read-only file systems, in a mount namespace that nobody else sees."""

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

from case import Skipped
from scene import Scene

INSIDE = "ENDURANCE_NAMESPACE"


def enter() -> None:
    """Runs this program again in a namespace of its own, where the system permits one."""
    if INSIDE in os.environ:
        return
    flags = ["--mount", *(["--map-root-user"] if os.geteuid() else [])]
    try:
        trial = subprocess.run(
            ["unshare", *flags, "true"], capture_output=True, text=True, check=False
        )
    except OSError as failure:
        os.environ[INSIDE] = f"no: {failure}"
        return
    if trial.returncode:
        os.environ[INSIDE] = f"no: {trial.stderr.strip()}"
        return
    os.environ[INSIDE] = "yes"
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.orig_argv[1:]])


def small(scene: Scene, folder: pathlib.Path, megabytes: int) -> None:
    """Puts a file system of a few megabytes over a folder, until the scene ends."""
    _mount(scene, folder, "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", folder)


def read_only(scene: Scene, folder: pathlib.Path, seen: pathlib.Path) -> None:
    """Shows a folder at another place, read-only."""
    seen.mkdir(mode=0o700)
    _mount(scene, seen, "--bind", folder, seen)
    _call("mount", "-o", "remount,bind,ro", seen)


def writable(seen: pathlib.Path) -> None:
    """Makes such a place writable."""
    _call("mount", "-o", "remount,bind,rw", seen)


@contextlib.contextmanager
def filled(folder: pathlib.Path, spare: int = 0) -> Iterator[None]:
    """Fills a file system up to the last page, but for some bytes, and frees it again."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    if spare:
        os.truncate(filler, max(0, filler.stat().st_size - spare))
    try:
        yield
    finally:
        filler.unlink()


def _mount(scene: Scene, at: pathlib.Path, *arguments: object) -> None:
    state = os.environ.get(INSIDE, "no")
    if state != "yes":
        raise Skipped(f"no mount namespace here ({state.removeprefix('no: ')})")
    _call("mount", *arguments)
    scene.mounts.append(at)


def _call(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Skipped(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
