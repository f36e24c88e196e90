"""DistributedDataParallel and torch.compile around one network, in either order."""

import os
import pathlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from compiled_runs import differences
from frames import RecordedFrame, frames_in
from networks.cifar_resnet import CifarResNet
from networks.entry import Example
from recorded import sgd, train_step


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


def compiled(model: nn.Module) -> Any:
    return torch.compile(model, backend="aot_eager")


def distributed(model: nn.Module) -> nn.Module:
    # Buckets of 1 MB, which cut the graph.
    return DistributedDataParallel(model, bucket_cap_mb=1)


ORDERS: dict[str, Callable[[nn.Module], Any]] = {
    "compiled outside": lambda model: compiled(distributed(model)),
    "compiled inside": lambda model: distributed(compiled(model)),
}


def recorded(wrap: Callable[[nn.Module], Any], spool: pathlib.Path) -> list[RecordedFrame]:
    torch._dynamo.reset()
    for path in spool.glob("*.rpj"):
        path.unlink()
    torch.manual_seed(5)
    model = wrap(CifarResNet(8, "A", 16).double().train())
    optimizer = sgd(model.parameters())
    torch.manual_seed(6)
    batch = Example((torch.randn(4, 3, 8, 8, dtype=torch.float64),))
    with resnet_probe.attach(model, optimizer, every=1, strict=True, step=0):
        for _ in range(2):
            train_step(model, optimizer, batch)
    return frames_in(spool)


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("order", ORDERS)
def test_the_numbers_are_those_of_the_network_alone(order: str, spool: pathlib.Path) -> None:
    wanted = recorded(lambda model: model, spool)
    frames = recorded(ORDERS[order], spool)
    gain = frozenset({"branch_gain"})  # absent where a graph is cut within the block
    assert not differences(wanted, frames, 1e-9, absent=gain)
    torch._dynamo.reset()
