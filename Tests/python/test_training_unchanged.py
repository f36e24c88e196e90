"""Training with a recorder that measures every step is the same to the last bit."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from networks.bert import Bert
from networks.cifar_resnet import CifarResNet
from networks.densenet import DenseNet
from networks.entry import mean_loss
from networks.gpt import GPT
from networks.plain import CifarPlainNet
from networks.stochastic_depth import StochasticDepthResNet
from networks.unknown import InPlaceAdds

STEPS = 50

State = tuple[list[float], list[torch.Tensor], torch.Tensor]


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def images() -> tuple[torch.Tensor, ...]:
    return (torch.randn(4, 3, 8, 8),)


def ids() -> tuple[torch.Tensor, ...]:
    return (torch.randint(1, 50, (2, 8)),)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[torch.Tensor, ...]]]] = {
    "convolutional": (lambda: CifarResNet(8, "A", 4), images),
    "stochastic depth": (lambda: StochasticDepthResNet(14, "row", True, width=4), images),
    "stochastic depth, skipped": (lambda: StochasticDepthResNet(14, "skip", True, width=4), images),
    "GPT with dropout": (lambda: GPT(50, 16, 2, 2, 16, 0.1), ids),
    "BERT with dropout": (lambda: Bert(50, 16, 1, 2, 16), ids),
    "plain": (lambda: CifarPlainNet(8, 4), images),
    "DenseNet": (lambda: DenseNet(16, 4), images),
    "adds in place": (lambda: InPlaceAdds(4), images),
}


def trained(
    name: str, attached: Callable[[nn.Module, torch.optim.Optimizer, Any], Any] | None
) -> State:
    """Losses, weights with buffers and optimizer's state, and the random state, after 50 steps."""
    torch.manual_seed(3)
    make, batch = NETWORKS[name]
    model = make().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    example = batch()
    probe = attached(model, optimizer, example) if attached else None
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss(model(*batch()))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 20 == 10:
            model.eval()
            with torch.no_grad():
                model(*example)
            model.train()
    if probe is not None:
        probe.finish()
    state = [*model.state_dict().values()]
    for one in optimizer.state.values():
        state += [value for value in one.values() if isinstance(value, torch.Tensor)]
    return losses, state, torch.random.get_rng_state()


def same(found: State, bare: State) -> None:
    assert found[0] == bare[0]
    assert len(found[1]) == len(bare[1])
    for ours, theirs in zip(found[1], bare[1], strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(found[2], bare[2])


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("name", NETWORKS)
def test_fifty_measured_steps_leave_every_bit_as_it_would_be(name: str) -> None:
    bare = trained(name, None)

    def search(model: nn.Module, optimizer: torch.optim.Optimizer, _: object) -> Any:
        return resnet_probe.attach(model, optimizer, every=1, strict=True)

    same(trained(name, search), bare)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
def test_autocast_scaler_and_checkpoints_together_leave_every_bit_as_it_would_be(
    reentrant: bool,
) -> None:
    def train(attached: bool) -> tuple[list[float], list[torch.Tensor], torch.Tensor]:
        torch.manual_seed(3)
        model = StochasticDepthResNet(14, "row", True, width=4).train()
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=3)
        probe = None
        if attached:
            probe = resnet_probe.attach(model, optimizer, scaler=scaler, every=1, strict=True)
        losses = []
        for _ in range(30):
            optimizer.zero_grad()
            for _ in range(2):
                with torch.autocast("cpu", torch.bfloat16):
                    x = torch.relu(model.bn1(model.conv1(images()[0])))
                    for block in model.blocks:
                        x = checkpoint(block, x, use_reentrant=reentrant)
                    loss = mean_loss(model.fc(x.mean((2, 3))))
                    loss = loss + 0 * mean_loss(model(*images()))
                scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses += [loss.item(), scaler.get_scale()]
        if probe is not None:
            probe.finish()
        return losses, list(model.state_dict().values()), torch.random.get_rng_state()

    bare = train(False)
    assert len(set(bare[0][1::2])) > 2  # some steps were skipped
    same(train(True), bare)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("name", ["stochastic depth", "GPT with dropout"])
def test_blocks_found_beforehand_leave_every_bit_as_it_would_be(name: str) -> None:
    bare = trained(name, None)

    def with_example(model: nn.Module, optimizer: torch.optim.Optimizer, example: Any) -> Any:
        return resnet_probe.attach(model, optimizer, example=example, every=1, strict=True)

    def with_map(model: nn.Module, optimizer: torch.optim.Optimizer, example: Any) -> Any:
        found = resnet_probe.find_blocks(model, example)
        return resnet_probe.attach(model, optimizer, blocks=found, every=1, strict=True)

    same(trained(name, with_example), bare)
    same(trained(name, with_map), bare)
