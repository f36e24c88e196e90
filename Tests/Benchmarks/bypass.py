#!/usr/bin/env python3
"""What a network without some of its blocks costs, beside the whole one.

Original and bypassed copy run forward in eval mode in turn, in one process; ratios are of one round each.

Run: python bypass.py                            ResNet-56 and a small ViT, half of the blocks that can be identity
     python bypass.py --share 0.25 --rounds 41
"""

from __future__ import annotations

import argparse
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE),
    str(HERE.parents[1] / "Sources" / "python"),
    str(HERE.parents[1] / "Tests" / "python"),
]

import resnet_probe
import torch
import torchvision
from networks.cifar_resnet import CifarResNet
from recorder.table import quartiles, table

COLUMNS = (
    "network",
    "blocks left out",
    "parameters",
    "MACs",
    "time ÷ original",
    "quartiles",
)
WARM_UP = 3


def resnet56() -> torch.nn.Module:
    """The CIFAR network of 27 blocks."""
    return CifarResNet(56)


def vit() -> torch.nn.Module:
    """12 layers of width 192 on patches of 4: 24 blocks."""
    return torchvision.models.VisionTransformer(32, 4, 12, 3, 192, 768, num_classes=10)


def main() -> None:
    """Times both networks and prints a table."""
    options = parsed()
    if options.threads:
        torch.set_num_threads(options.threads)
    rows = [
        row(name, make(), options)
        for name, make in (("ResNet-56", resnet56), ("ViT-Ti/4", vit))
    ]
    device = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(
        f"32², batch {options.batch}, {options.rounds} rounds; {device},"
        f" {torch.get_num_threads()} threads, torch {torch.__version__}\n"
    )
    print(table(COLUMNS, rows))


def row(name: str, model: torch.nn.Module, options: argparse.Namespace) -> list[str]:
    """One network's row."""
    model = model.to(options.device).eval()
    images = torch.randn(options.batch, 3, 32, 32, device=options.device)
    blocks = list(resnet_probe.find_blocks(model, images))
    able = [block for block in blocks if block.shortcut == "identity"]
    chosen = random.Random(0).sample(able, round(options.share * len(blocks)))
    bypassed = resnet_probe.bypass(model, chosen, example=images)
    ratios = timed(model, bypassed, images, options.rounds)
    low, middle, high = quartiles(ratios)
    macs = sum(block.macs or 0 for block in chosen) / sum(
        block.macs or 0 for block in blocks
    )
    counts = [sum(p.numel() for p in one.parameters()) for one in (model, bypassed)]
    return [
        name,
        f"{len(chosen)} of {len(blocks)}",
        f"{counts[1] / counts[0]:.2f}",
        f"{1 - macs:.2f}",
        f"{middle:.3f}",
        f"{low:.3f}–{high:.3f}",
    ]


@torch.no_grad()
def timed(
    model: torch.nn.Module, bypassed: torch.nn.Module, images: torch.Tensor, rounds: int
) -> list[float]:
    """The copy's time divided by the original's, round by round."""

    def seconds(one: torch.nn.Module) -> float:
        start = time.perf_counter()
        one(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    for _ in range(WARM_UP):
        seconds(model)
        seconds(bypassed)
    order = random.Random(1)
    ratios = []
    for _ in range(rounds):
        if order.random() < 0.5:
            before, after = seconds(model), seconds(bypassed)
        else:
            after, before = seconds(bypassed), seconds(model)
        ratios.append(after / before)
    return ratios


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--share", type=float, default=0.5, help="of the blocks to leave out"
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
