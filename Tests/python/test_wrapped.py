"""The network inside its wrappers, and one probe for both."""

import pathlib
import socket
from collections.abc import Iterator

import pytest
import torch
from resnet_probe import attach
from resnet_probe.training.wrapped import network_within
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from networks.cifar_resnet import CifarResNet


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process group of one."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    torch.distributed.init_process_group("gloo", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_wrappers_are_looked_through_however_they_are_nested() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    assert network_within(network) is network
    parallel = DistributedDataParallel(network)
    compiled = torch.compile(network)
    for wrapper in (parallel, compiled, torch.compile(parallel), DistributedDataParallel(compiled)):
        assert isinstance(wrapper, nn.Module)
        assert network_within(wrapper) is network


def test_a_module_of_ones_own_that_is_named_like_a_wrapper_is_none() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(2, 2)

    Own.__name__ = "DistributedDataParallel"
    own = Own()
    assert network_within(own) is own


def test_a_network_that_data_parallel_copies_is_not_looked_for() -> None:
    wrapper = nn.DataParallel(nn.Linear(2, 2))
    assert network_within(wrapper) is wrapper


@pytest.mark.usefixtures("one_process", "spool")
def test_probes_of_a_network_and_of_its_wrapper_replace_each_other() -> None:
    torch.manual_seed(5)
    network = CifarResNet(8, "A", 4)
    wrapper = DistributedDataParallel(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    first = attach(wrapper, optimizer, strict=True)
    second = attach(network, optimizer, strict=True)
    assert not first.is_recording
    assert second.is_recording
    third = attach(wrapper, optimizer, strict=True)
    assert not second.is_recording
    assert third.is_recording
    third.finish()
    assert not network._forward_hooks
    assert not wrapper._forward_hooks


@pytest.mark.usefixtures("one_process")
def test_a_probe_that_was_attached_before_its_network_was_wrapped_has_the_same_names(
    spool: pathlib.Path,
) -> None:
    names = []
    for attaches_first in (True, False):
        torch.manual_seed(5)
        network: nn.Module = CifarResNet(8, "A", 4)
        called = network
        if not attaches_first:
            called = DistributedDataParallel(network)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        with attach(called, optimizer, every=1, strict=True) as probe:
            if attaches_first:
                called = DistributedDataParallel(network)
            called(torch.randn(4, 3, 8, 8)).square().mean().backward()
            optimizer.step()
            assert probe.blocks is not None
            names.append([block.name for block in probe.blocks])
    assert names == [["layer1.0", "layer2.0", "layer3.0"]] * 2
    assert len(list(spool.glob("*.rpj"))) == 2
