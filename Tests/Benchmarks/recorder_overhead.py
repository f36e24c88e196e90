#!/usr/bin/env python3
"""What recording costs a training loop in PyTorch, beside other ways of watching it.

All ways run interleaved in one process, on networks of one shape and the same batch, so that a noisy
machine slows all alike: each round gives its own ratio and difference to the bare step, of which the
tables show medians and quartiles. A second bare network shows what of that is noise. The default
schedule measures every 50th step beyond step 500. Peak memory is of a process of its own for each
way. Where CUDA is there, ResNet-50 at 224², batch 128, bfloat16, is timed too, and measured steps
run while CUDA raises at whatever waits for the device. What is not installed is left out
(requirements.txt).

Run: python recorder_overhead.py > tables.md            all networks: a quarter of an hour
     python recorder_overhead.py --network resnet18 --rounds 9 --no-memory
     python recorder_overhead.py --article Cost.md      puts the tables into the article
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "Sources" / "python")]

import torch
from recorder import memory, own, timing, ways
from recorder.article import put_into
from recorder.table import (
    COLUMNS,
    OWN_COLUMNS,
    Compared,
    compared_rows,
    quartiles,
    table,
)
from recorder.trainer import Case, Trainer

CASES = (
    Case("resnet18", 32, 32),
    Case("resnet18", 32, 128),
    Case("resnet50", 64, 16),
    Case("vit", 32, 32),
)
ON_GPU = Case("resnet50", 224, 128)
WITH_MEMORY = (ways.NORMS, ways.FULL, ways.HOOKS, ways.WANDB, ways.TENSORBOARD)


def main() -> None:
    """Times, then memory, then the tables."""
    options = parsed()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as spool:
        os.environ["RESNET_PROBE_SPOOL"] = spool
        if options.peak is not None:
            case = Case(options.network, options.size, options.batch)
            memory.peak_here(case, options.peak)
            return
        text = tables(options)
    print(text)
    if options.article is not None:
        put_into(options.article, text)


def tables(options: argparse.Namespace) -> str:
    """Both tables of all networks, and what they were measured on."""
    names = list(ways.NAMES)
    for package, way in (("wandb", ways.WANDB), ("tensorboard", ways.TENSORBOARD)):
        if not ways.is_there(package):
            names.remove(way)
    idle = own.unmeasured_microseconds()
    rows, own_rows = [], []
    for case in chosen(options):
        found = timing.on_cpu(case, options.rounds, names)
        compared = timing.with_default(found)
        if options.memory:
            add_peaks(compared, lambda way, case=case: memory.peak(case, way))
        rows += compared_rows(case.title, found.bare, compared)
        own_rows.append(own_row(case.title, found, idle, Trainer(case)))
    words = [machine("cpu")]
    if torch.cuda.is_available() and options.network is None:
        found = timing.timed(on_gpu, options.rounds, torch.cuda.synchronize, names)
        compared = timing.with_default(found)
        add_peaks(compared, lambda way: memory.peak_on_gpu(on_gpu, way))
        title = f"{ON_GPU.title}, bfloat16, GPU"
        rows += compared_rows(title, found.bare, compared)
        own_rows.append(own_row(title, found, idle, on_gpu()))
        timing.nothing_waits(on_gpu, 10)
        words.append(machine("cuda"))
        words.append(
            '10 measured steps ran under torch.cuda.set_sync_debug_mode("error").'
        )
    head = f"{options.rounds} rounds; " + "; ".join(words)
    return "\n\n".join([head, table(COLUMNS, rows), table(OWN_COLUMNS, own_rows)])


def add_peaks(compared: list[Compared], peak: ways.Callable[[str], float]) -> None:
    """Peaks as ratios to the bare one."""
    bare = peak("")
    for way in compared:
        if way.name in WITH_MEMORY:
            way.peak = peak(way.name) / bare


def own_row(
    title: str, found: timing.Timed, idle: float, trainer: Trainer
) -> list[str]:
    """One row of the second table."""
    added = {}
    for name in (ways.FULL, ways.NORMS):
        added[name] = quartiles(timing.differences(found.of(name), found.bare))[1] * 1e3
    return [
        title,
        f"{quartiles(found.bare.seconds)[1] * 1e3:.4g}",
        f"{found.amortised(idle * 1e-6):.4f}",
        f"{idle:.3g}",
        f"{added[ways.FULL]:.3g}",
        f"{added[ways.NORMS]:.3g}",
        f"{own.bytes_per_frame(trainer, 'full'):.0f}",
        f"{own.bytes_per_frame(trainer, 'norms'):.0f}",
    ]


def on_gpu() -> Trainer:
    """The network of the GPU's rows."""
    return Trainer(ON_GPU, "cuda", torch.bfloat16)


def machine(device: str) -> str:
    """What was measured on, in words."""
    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    model = platform.processor() or platform.machine()
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text().splitlines()
        model = next(
            (s.split(": ")[1] for s in lines if s.startswith("model name")), model
        )
    return (
        f"{model}, {torch.get_num_threads()} threads, torch {torch.__version__},"
        f" Python {platform.python_version()}, {platform.system()}"
    )


def chosen(options: argparse.Namespace) -> list[Case]:
    """The networks asked for."""
    if options.network is None:
        return list(CASES)
    return [Case(options.network, options.size, options.batch)]


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--network", help="of torchvision, or vit (small); all cases by default"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    parser.add_argument(
        "--article", type=pathlib.Path, help="the article to put the tables into"
    )
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
