#!/usr/bin/env python3
"""What recording costs a training loop in PyTorch, as ratios to the bare step.

Bare, unmeasured and measured steps run interleaved in one process, on networks of one shape and
batches of one kind, so that a noisy machine slows all alike; each round gives its own ratios.
Printed are medians and quartiles over rounds, and the overhead at the default schedule beyond step
500: (measured / 50 + 49 / 50 · unmeasured) / bare − 1. A second bare network shows what of that is
noise; the hooks of an unmeasured step are also timed alone. Memory comes from processes of their own: the
peak of a step above what the process held before the network was made, by VmHWM.

Run: python recorder_overhead.py [--rounds 15] [--network resnet18] [--detail full] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Sources" / "python"))

import resnet_probe
import torch
import torch.nn.functional as F
import torchvision

Step = Callable[[], None]


class Trainer:
    """One network with its optimizer and batch; a call is one step."""

    def __init__(self, network: str, batch: int, size: int) -> None:
        torch.manual_seed(0)
        options = (
            {"image_size": size, "patch_size": 4} if network.startswith("vit") else {}
        )
        if network == "vit":
            self.model = torchvision.models.VisionTransformer(
                size, 4, 6, 6, 192, 768, num_classes=10
            )
        else:
            self.model = getattr(torchvision.models, network)(num_classes=10, **options)
        self.model.train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.images = torch.randn(batch, 3, size, size)
        self.labels = torch.randint(0, 10, (batch,))

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        self.optimizer.step()


def seconds(step: Step) -> float:
    """The time of one step."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def quartiles(values: list[float], unit: str = "", scale: float = 1.0) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle * scale:.4g}{unit} ({low * scale:.4g}–{high * scale:.4g})"


def measure_time(options: argparse.Namespace) -> None:
    """Prints the ratios of unmeasured and measured steps to bare ones."""
    bare = Trainer(options.network, options.batch, options.size)
    twin = Trainer(options.network, options.batch, options.size)
    recorded = Trainer(options.network, options.batch, options.size)
    wanted = [True]
    probe = resnet_probe.attach(
        recorded.model, recorded.optimizer, run="overhead", every=lambda _: wanted[0],
        detail=options.detail, strict=True,
    )  # fmt: skip
    for _ in range(3):  # finds the blocks, warms both
        bare()
        twin()
        recorded()
    rounds: list[tuple[float, float, float]] = []
    noise: list[float] = []
    for number in range(options.rounds):
        kinds: list[tuple[int, Step, bool]] = [
            (0, bare, False), (1, recorded, False), (2, recorded, True), (3, twin, False),
        ]  # fmt: skip
        turn = number % 4
        taken = [0.0, 0.0, 0.0, 0.0]
        for place, step, is_measured in kinds[turn:] + kinds[:turn]:
            wanted[0] = is_measured
            taken[place] = seconds(step)
        rounds.append((taken[0], taken[1], taken[2]))
        noise.append(taken[3] / taken[0])
    probe.finish()
    unmeasured = [two / one for one, two, _ in rounds]
    measured = [three / one for one, _, three in rounds]
    amortised = [(three / 50 + 49 / 50 * two) / one - 1 for one, two, three in rounds]
    print(
        f"{options.network} {options.size}×{options.size}, batch {options.batch}, {options.detail},"
    )
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.rounds} rounds"
    )
    print(
        f"bare step             {quartiles([one for one, _, _ in rounds], ' ms', 1e3)}"
    )
    print(f"unmeasured / bare     {quartiles(unmeasured)}")
    print(f"measured / bare       {quartiles(measured)}")
    middle = statistics.median
    pooled = middle(measured) / 50 + 49 / 50 * middle(unmeasured) - 1
    print(f"amortised overhead    {quartiles(amortised)}; of the medians {pooled:.4f}")
    hooks = host_cost()
    bare_seconds = middle([one for one, _, _ in rounds])
    by_hooks = middle(measured) / 50 + 49 / 50 * (1 + hooks * 1e-6 / bare_seconds) - 1
    print(
        f"another bare / bare   {quartiles(noise)}: what the machine's noise alone makes"
    )
    print(f"hooks, unmeasured     {hooks:.3g} µs a step on the host")
    print(
        f"amortised overhead, with the hooks' time for an unmeasured step: {by_hooks:.4f}"
    )


def host_cost() -> float:
    """Microseconds that hooks alone take in an unmeasured step: of a network that does nothing."""

    class Nothing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    def loop(is_attached: bool) -> float:
        model = Nothing()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        x = torch.zeros(1, requires_grad=True)
        if is_attached:
            resnet_probe.attach(model, optimizer, every=lambda _: False)
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(2000):
                model(x)
                optimizer.step()
            best = min(best, time.perf_counter() - start)
        return best / 2000 * 1e6

    return loop(True) - loop(False)


def peak_memory(options: argparse.Namespace, is_recorded: bool) -> float:
    """The peak of steps in a process of their own. Unit: bytes."""
    command = [
        sys.executable,
        __file__,
        "--peak",
        "recorded" if is_recorded else "bare",
    ]
    command += ["--network", options.network, "--detail", options.detail]
    command += ["--batch", str(options.batch), "--size", str(options.size)]
    environment = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_ARENA_MAX": "1",
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, check=True, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def peak_here(options: argparse.Namespace) -> None:
    """Prints the peak of three steps above the memory before the network was made."""
    torch.randn(64, 64) @ torch.randn(64, 64)
    before = status("VmRSS")
    trainer = Trainer(options.network, options.batch, options.size)
    if options.peak == "recorded":
        resnet_probe.attach(
            trainer.model,
            trainer.optimizer,
            every=1,
            detail=options.detail,
            strict=True,
        )
    peaks = []
    for _ in range(4):
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        trainer()
        peaks.append(status("VmHWM") - before)
    print(json.dumps(statistics.median(peaks[1:])))


def status(name: str) -> int:
    """A number of /proc/self/status. Unit: bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def main() -> None:
    """Times, then memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--network", default="resnet18", help="of torchvision, or vit (small)"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--detail", default="full", choices=["full", "norms"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--peak", choices=["bare", "recorded"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as spool:
        os.environ["RESNET_PROBE_SPOOL"] = spool
        if options.peak:
            peak_here(options)
            return
        measure_time(options)
        pairs = [
            (peak_memory(options, False), peak_memory(options, True)) for _ in range(3)
        ]
    ratios = [recorded / bare for bare, recorded in pairs]
    peak = statistics.median(bare for bare, _ in pairs) / 2**20
    print(
        f"peak of a measured step / bare {statistics.median(ratios):.3f} of {peak:.0f} MiB"
    )


if __name__ == "__main__":
    main()
