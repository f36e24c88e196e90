"""What is not recorded yet says so in one sentence, and trains as it would."""

import os
import pathlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn

from networks.cifar_resnet import CifarResNet
from networks.entry import Example
from recorded import sgd, train_step

Case = Callable[[nn.Module, torch.optim.Optimizer], Any]


def images(seed: int) -> Example:
    return Example((torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed)),))


def network() -> nn.Module:
    torch.manual_seed(5)
    return CifarResNet(8, "A", 4).train()


def losses(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[float]:
    return [float(train_step(model, optimizer, images(step))) for step in range(3)]


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


@pytest.fixture
def one_process() -> Iterator[None]:
    """A process group of one."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def attached_to(wrap: Callable[[nn.Module], Any]) -> Case:
    """Wraps, then attaches to what came out; the loop calls that."""

    def case(model: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
        wrapped = wrap(model)
        resnet_probe.attach(wrapped, optimizer, every=1)
        return wrapped

    return case


def attached_before(wrap: Callable[[nn.Module], Any]) -> Case:
    """Attaches, then wraps; the loop calls what came out."""

    def case(model: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
        resnet_probe.attach(model, optimizer, every=1)
        return wrap(model)

    return case


class DeepSpeedEngine(nn.Module):
    """Named as DeepSpeed names the module that it makes of a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.module = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.module(image)  # type: ignore[no-any-return]


CASES: dict[str, tuple[Case, str]] = {
    "DataParallel": (
        attached_to(nn.DataParallel),
        ("nothing is recorded: DataParallel runs copies of the network in threads; use one device"
        " for now"),
    ),
    "DeepSpeed": (
        attached_to(lambda model: DeepSpeedEngine(model)),
        ("nothing is recorded: DeepSpeedEngine keeps parameters and steps to itself; train with"
        " DistributedDataParallel or fully_shard for now"),
    ),
    "traced": (
        attached_to(lambda model: torch.jit.trace(model, images(0).args, check_trace=False)),
        ("nothing is recorded: scripted and traced modules hide their blocks; attach to the module"
        " before scripting"),
    ),
    "traced after": (
        attached_before(lambda model: torch.jit.trace(model, images(0).args, check_trace=False)),
        ("nothing is recorded of the attached network: its forward never ran: attach to the very"
        " module that the loop calls"),
    ),
}  # fmt: skip


def told(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if line.startswith("resnet-probe")]


@pytest.mark.parametrize("name", CASES)
def test_one_sentence_and_the_same_training(
    name: str, spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case, sentence = CASES[name]
    bare = network()
    if name.startswith("traced"):
        bare = torch.jit.trace(bare, images(0).args, check_trace=False)
    wanted = losses(bare, sgd(bare.parameters()))
    model = network()
    optimizer = sgd(model.parameters())
    capfd.readouterr()
    called = case(model, optimizer)
    assert losses(called, optimizer) == wanted
    assert told(capfd.readouterr().err) == [f"resnet-probe: {sentence}"]
    assert not list(spool.glob("*")) or not any(spool.glob("*.rpj"))


@pytest.mark.usefixtures("spool", "one_process")
def test_parameters_that_are_flattened(capfd: pytest.CaptureFixture[str]) -> None:
    def wrap(model: nn.Module) -> nn.Module:
        return torch.distributed.fsdp.FullyShardedDataParallel(
            model, device_id=torch.device("cpu"), use_orig_params=True
        )

    bare = wrap(network())
    wanted = losses(bare, sgd(bare.parameters()))
    model = wrap(network())
    optimizer = sgd(model.parameters())
    capfd.readouterr()
    resnet_probe.attach(model, optimizer, every=1)
    assert losses(model, optimizer) == wanted
    assert told(capfd.readouterr().err) == [
        (
            "resnet-probe: nothing is recorded: FullyShardedDataParallel hides its parameters; shard"
            " with torch.distributed.fsdp.fully_shard, which is recorded"
        )
    ]


def test_a_function_that_is_compiled_leaves_the_blocks_around_it_exact(spool: pathlib.Path) -> None:
    from frames import frames_in

    def gelu(x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)

    class Net(nn.Module):
        def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor]) -> None:
            super().__init__()
            torch.manual_seed(5)
            self.up, self.down, self.head = (nn.Linear(6, 6) for _ in range(3))
            self.activation = activation

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.up(x)
            x = x + self.down(self.activation(self.up(x)))
            return self.head(x)  # type: ignore[no-any-return]

    batch = Example((torch.randn(8, 6),))
    found = []
    for activation in (gelu, torch.compile(gelu, backend="eager")):
        model = Net(activation)
        optimizer = sgd(model.parameters())
        with resnet_probe.attach(model, optimizer, every=1, id="00" * 16, step=0, strict=True):
            for _ in range(3):
                train_step(model, optimizer, batch)
        frames = frames_in(spool)
        found.append([frame.blocks for frame in frames])
        for path in spool.glob("*"):
            path.unlink()
    assert len(found[0]) == len(found[1]) == 3
    assert found[0] == found[1]
