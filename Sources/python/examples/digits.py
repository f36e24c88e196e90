#!/usr/bin/env python3
"""Trains networks on handwritten digits while resnet_probe records their blocks.

    python digits.py resnet-56
    python digits.py plain-20 plain-56 --epochs 5 --seed 1
    python digits.py all

Then: resnet-probe report --run resnet-56
"""

from __future__ import annotations

import argparse
import math
import pathlib
import time

import torch
import torch.nn.functional as F
from digits_networks import NETWORKS
from torch import Tensor, nn

import resnet_probe

DATA = pathlib.Path(__file__).resolve().parents[2] / "DigitsTrainer" / "Data" / "digits.bin"
TRAINING_SAMPLES = 1437  # of 1797
BATCH = 128
RATE = 0.05
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
WARM_UP = 0.1  # of the steps


def read_digits(path: pathlib.Path) -> tuple[Tensor, Tensor]:
    """Images N x 1 x 8 x 8 of mean 0 and variance 1, and labels N.

    A sample is eight bytes that say which pixels are above zero (a byte a row, the lowest bit the
    left column), then half bytes, the low one first: the label, and each such pixel less one.
    """
    data = path.read_bytes()
    images, labels = [], []
    start = 0
    while start < len(data):
        rows = data[start : start + 8]
        half = 2 * (start + 8)  # the half byte that comes next
        labels.append(data[half // 2] >> 4 * (half % 2) & 15)
        pixels = []
        for place in range(64):
            is_above_zero = rows[place // 8] >> place % 8 & 1
            half += is_above_zero
            pixels.append(is_above_zero * ((data[half // 2] >> 4 * (half % 2) & 15) + 1))
        images.append(pixels)
        start = half // 2 + 1
    pictures = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return (pictures - pictures.mean()) / pictures.std(), torch.tensor(labels)


def rate_factor(step: int, steps: int) -> float:
    """The learning rate relative to its greatest: a linear warm-up, then half a cosine."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))


@torch.no_grad()
def evaluate(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean loss and accuracy in eval mode; the recorder measures none of it."""
    network.eval()
    logits = network(images)
    network.train()
    accuracy = (logits.argmax(1) == labels).float().mean()
    return F.cross_entropy(logits, labels).item(), accuracy.item()


def train(name: str, digits: tuple[Tensor, Tensor], epochs: int, seed: int, every: int) -> str:
    """Trains one network and returns its outcome in one line."""
    started = time.perf_counter()
    split = torch.randperm(len(digits[0]), generator=torch.Generator().manual_seed(0))
    training, test = ([part[places] for part in digits]
                      for places in (split[:TRAINING_SAMPLES], split[TRAINING_SAMPLES:]))  # fmt: skip
    torch.manual_seed(seed)
    network = NETWORKS[name]()
    optimizer = torch.optim.SGD(
        network.parameters(), RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    steps = epochs * math.ceil(TRAINING_SAMPLES / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, steps))

    probe = resnet_probe.attach(
        network, optimizer, run=name, project="digits", every=every, steps=steps,
        config={"network": name, "epochs": epochs, "seed": seed, "batch": BATCH, "rate": RATE,
                "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY},
    )  # fmt: skip
    with probe:
        for _ in range(epochs):
            for places in torch.randperm(TRAINING_SAMPLES).split(BATCH):
                images, labels = training[0][places], training[1][places]
                loss = F.cross_entropy(network(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                probe.log(loss=loss)
            test_loss, test_accuracy = evaluate(network, *test)
            probe.log(test_loss=test_loss, test_accuracy=test_accuracy)
        training_loss, training_accuracy = evaluate(network, *training)
        probe.log(training_loss=training_loss, training_accuracy=training_accuracy)
    return (
        f"{name:19}  training loss {training_loss:.4f}, accuracy {training_accuracy:.3f};"
        f" test accuracy {test_accuracy:.3f}; {time.perf_counter() - started:.0f} s"
    )


def main() -> None:
    """Reads the command line and trains what it names, one network after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", choices=[*NETWORKS, "all"], metavar="NETWORK",
                        help=f"{', '.join(NETWORKS)}, or all")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and masks")
    parser.add_argument("--every", type=int, default=5, help="how many steps between two measured")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="the digits' file")
    options = parser.parse_args()
    torch.set_num_threads(1)  # on images this small, threads mostly wait for each other
    digits = read_digits(options.data)
    for name in NETWORKS if "all" in options.networks else dict.fromkeys(options.networks):
        print(train(name, digits, options.epochs, options.seed, options.every), flush=True)


if __name__ == "__main__":
    main()
