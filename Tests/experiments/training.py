"""Networks trained on the digits with the recorder attached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache

import resnet_probe
import torch
import torch.nn.functional as F
from digits import DATA, rate_factor, read_digits
from digits_networks import NETWORKS, PlainBlock, post_activation
from torch import Tensor, nn

from experiments import mlp
from experiments.scene import Scene

MOMENTUM = 0.9
TEST_SAMPLES = 500

#: Networks by the first word of their name; what follows it is the number of blocks, or of layers.
FAMILIES: dict[str, Callable[[int], nn.Module]] = {
    "mlp": mlp.residual,
    "mlp_plain": mlp.plain,
    "mlp_stochastic": mlp.stochastic_depth,
    "plain": lambda layers: post_activation(layers, PlainBlock),
}


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained; the same recipe gives the same bits on one machine."""

    network: str
    seed: int
    epochs: int = 30
    batch: int = 64
    rate: float = 0.1
    weight_decay: float = 5e-4
    every: int = 5
    is_examined: bool = False  # at the end, on the digits that no network is trained on
    has_curve: bool = False  # of that examination: several blocks together too

    @classmethod
    def convolutional(
        cls, network: str, seed: int, every: int = 2, is_examined: bool = False
    ) -> Recipe:
        """As the convolutional networks are trained."""
        return cls(
            network, seed, epochs=15, batch=128, rate=0.05, every=every, is_examined=is_examined
        )

    def make(self) -> nn.Module:
        """The network at birth."""
        torch.manual_seed(self.seed)
        family, _, size = self.network.partition("-")
        if family in FAMILIES:
            return FAMILIES[family](int(size))
        return NETWORKS[self.network]()


@dataclass(frozen=True)
class Samples:
    """Images N x 1 x 8 x 8 and their labels."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: Tensor) -> Samples:
        """Some of them."""
        return Samples(self.images[places], self.labels[places])


@dataclass(frozen=True)
class Trained:
    """What came of a recipe."""

    network: nn.Module
    run: str


@cache
def digits() -> tuple[Samples, Samples]:
    """1297 samples to train on and 500 that no network is trained on."""
    whole = Samples(*read_digits(DATA))
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    return whole.at(order[:-TEST_SAMPLES]), whole.at(order[-TEST_SAMPLES:])


def trained(scene: Scene, recipe: Recipe) -> Trained:
    """Trains by the recipe, or looks up what came of it before."""
    if recipe not in scene.kept:
        scene.kept[recipe] = _train(scene, recipe)
    found = scene.kept[recipe]
    assert isinstance(found, Trained)
    return found


def _train(scene: Scene, recipe: Recipe) -> Trained:
    training, test = digits()
    network = recipe.make()
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.rate, MOMENTUM, weight_decay=recipe.weight_decay,
        nesterov=True,
    )  # fmt: skip
    count = recipe.epochs * (len(training) // recipe.batch)
    name = f"{recipe.network} seed {recipe.seed}"
    with (
        scene.recording(),
        resnet_probe.attach(
            network, optimizer, run=name, every=recipe.every, steps=count, config=asdict(recipe)
        ) as probe,
    ):
        for step, loss in enumerate(
            steps(network, optimizer, training, recipe.epochs, recipe.batch)
        ):
            if step % (5 * count // recipe.epochs) == 0:
                scene.say(f"{name}: step {step} of {count}")
            probe.log(loss=loss)
        for part, samples in (("training", training), ("test", test)):
            mean_loss, error = evaluated(network, samples)
            probe.log({f"{part}_loss": mean_loss, f"{part}_error": error})
        if recipe.is_examined:
            unseen = (test.images, test.labels)
            probe.examine(
                network, [unseen], F.cross_entropy, samples=len(test), progress=False,
                curve=recipe.has_curve,
            )  # fmt: skip
        return Trained(network, probe.run)


def steps(
    network: nn.Module, optimizer: torch.optim.Optimizer, training: Samples, epochs: int, batch: int
) -> Iterator[Tensor]:
    """Trains, the rate by warm-up and cosine; the loss of each step."""
    batches = len(training) // batch
    count = epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, count))
    for _ in range(epochs):
        order = torch.randperm(len(training))
        for places in order[: batches * batch].split(batch):
            part = training.at(places)
            loss = F.cross_entropy(network(part.images), part.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            yield loss


def outcome(scene: Scene, run: str) -> dict[str, float]:
    """What was logged at the end of a run: `training_loss`, `test_error` in percent and the like."""
    rows = scene.query(
        f"SELECT key, value FROM metric WHERE run_id = {scene.number(run)} ORDER BY step"
    )
    return {row["key"]: row["value"] for row in rows}


def evaluated(network: nn.Module, samples: Samples) -> tuple[float, float]:
    """Mean loss, and error in percent, in eval mode."""
    outputs = logits(network, samples)
    error = (outputs.argmax(1) != samples.labels).double().mean().item()
    return F.cross_entropy(outputs.double(), samples.labels).item(), 100 * error


@torch.no_grad()
def logits(network: nn.Module, samples: Samples) -> Tensor:
    """What a network gives in eval mode."""
    was_training = network.training
    network.eval()
    found = network(samples.images)
    network.train(was_training)
    assert isinstance(found, Tensor)
    return found
