"""The peak memory of a step, of one way in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

import torch

from recorder import ways
from recorder.trainer import Case, Trainer

STEPS = 4


def peak(case: Case, way: str) -> float:
    """The greatest resident memory in a step beyond what the process held before. Unit: bytes."""
    environment = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_ARENA_MAX": "1",
    }
    command = [sys.executable, sys.argv[0], "--peak", way, "--network", case.network]
    command += ["--batch", str(case.batch), "--size", str(case.size)]
    command += ["--threads", str(torch.get_num_threads())]
    done = subprocess.run(
        command, env=environment, capture_output=True, check=True, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def peak_here(case: Case, way: str) -> None:
    """Prints the median peak of steps in this process, after the first."""
    torch.randn(64, 64) @ torch.randn(64, 64)
    before = status("VmRSS")
    with contextlib.ExitStack() as stack:
        step = _watched(Trainer(case), way, stack)
        peaks = []
        for _ in range(STEPS):
            pathlib.Path("/proc/self/clear_refs").write_text("5")
            step()
            peaks.append(status("VmHWM") - before)
        print(json.dumps(statistics.median(peaks[1:])))


def _watched(trainer: Trainer, way: str, stack: contextlib.ExitStack) -> ways.Step:
    if way == ways.FULL:
        return ways.recorded(trainer, "full")
    if way == ways.NORMS:
        return ways.recorded(trainer, "norms")
    if way == ways.HOOKS:
        return ways.with_hooks(trainer)
    if way == ways.WANDB:
        return stack.enter_context(ways.wandb_watching(trainer))
    if way == ways.TENSORBOARD:
        return stack.enter_context(ways.tensorboard_writing(trainer))
    return trainer


def peak_on_gpu(make: ways.Callable[[], Trainer], way: str) -> float:
    """The greatest allocated memory in a step. Unit: bytes."""
    with contextlib.ExitStack() as stack:
        step = _watched(make(), way, stack)
        for _ in range(2):
            step()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        return float(torch.cuda.max_memory_allocated())


def status(name: str) -> int:
    """A number of /proc/self/status. Unit: bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
