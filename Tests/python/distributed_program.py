"""Runs cases of `distributed_cases` on several processes: `distributed_program.py WORLD FOLDER CASE…`.

The processes are forked once torch is loaded, which is what takes long. For each case the folder
gets `CASE/spool`, and of each rank what it said and what it left.
"""

import os
import pathlib
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from journals import ROOT


@dataclass(frozen=True)
class Place:
    """One process of one case."""

    rank: int
    world_size: int
    folder: pathlib.Path

    def join(self) -> None:
        """Makes the process group."""
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{self.folder}/store", rank=self.rank,
            world_size=self.world_size,
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What one case left: its spool, and of each rank what was returned and said."""

    spool: pathlib.Path
    left: Sequence[Any]
    said: Sequence[list[str]]


def run(world_size: int, folder: pathlib.Path, names: Sequence[str]) -> dict[str, Outcome]:
    """Runs cases on so many processes, in an environment without a word of ranks."""
    path = [str(ROOT / "Sources" / "python"), str(ROOT / "Tests" / "python")]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RESNET_PROBE_", "SLURM_"))}
    process = subprocess.run(
        [sys.executable, __file__, str(world_size), str(folder), *names],
        env=kept | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = {name: outcome(folder, name, world_size) for name in names}
    assert process.returncode == 0, process.stderr
    return found


def outcome(folder: pathlib.Path, name: str, world_size: int) -> Outcome:
    """What a case left; it must have come to its end on every rank."""
    left, said = [], []
    for rank in range(world_size):
        errors = (folder / name / f"{rank}.err").read_text()
        result = folder / name / f"{rank}.pickle"
        assert result.exists(), errors[-3000:]
        left.append(pickle.loads(result.read_bytes()))
        lines = errors.splitlines()
        said.append([line for line in lines if line.startswith("resnet-probe")])
    return Outcome(folder / name / "spool", left, said)


def run_case(name: str, case: Callable[[Place], Any], place: Place) -> None:
    """One case in this process; what goes wrong is in its file of errors."""
    place.folder.mkdir(parents=True, exist_ok=True)
    errors = os.open(place.folder / f"{place.rank}.err", os.O_WRONLY | os.O_CREAT)
    os.dup2(errors, 2)
    os.close(errors)
    os.environ["RESNET_PROBE_SPOOL"] = str(place.folder / "spool")
    try:
        left = case(place)
    except BaseException:
        os.write(2, f"{name}\n{traceback.format_exc()}".encode())
        raise SystemExit(1) from None
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    (place.folder / f"{place.rank}.pickle").write_bytes(pickle.dumps(left))


def main(world_size: int, folder: pathlib.Path, names: Sequence[str]) -> None:
    """Forks the processes; each runs all cases."""
    from distributed_cases import CASES

    torch.set_num_threads(1)
    children = []
    for rank in range(world_size):
        child = os.fork()
        if child == 0:
            signal.alarm(100)  # a case that hangs ends all of them
            for name in names:
                run_case(name, CASES[name], Place(rank, world_size, folder / name))
            return
        children.append(child)
    status = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(int(any(status)))


if __name__ == "__main__":
    main(int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:])
