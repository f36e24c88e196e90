"""One identity in the environment, and several networks of one process."""

import pathlib

import pytest
import torch
from resnet_probe import attach
from resnet_probe.journal.run import identity_beside
from torch import nn

from networks.cifar_resnet import CifarResNet
from networks.entry import Example
from recorded import sgd, train_step

RUN = "ab" * 16


@pytest.fixture(autouse=True)
def _identity(spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert spool
    monkeypatch.setenv("RESNET_PROBE_RUN_ID", RUN)


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    train_step(model, optimizer, Example((torch.randn(4, 3, 8, 8),)))


def networks(count: int) -> list[nn.Module]:
    return [CifarResNet(8 + 6 * place, "A", 4).train() for place in range(count)]


def test_networks_beside_each_other_have_a_run_each_and_the_same_one_at_each_start() -> None:
    found = []
    for _ in range(2):
        models = networks(3)
        optimizers = [sgd(model.parameters()) for model in models]
        pairs = list(zip(models, optimizers, strict=True))
        probes = [attach(m, o, every=1, step=0, strict=True) for m, o in pairs]
        for model, optimizer in pairs:
            step(model, optimizer)
        found.append([probe.run for probe in probes])
        for probe in probes:
            probe.finish()
    assert found[0] == found[1]
    assert found[0][0] == RUN
    assert len(set(found[0])) == 3


def test_attaching_again_and_one_after_another_go_on_with_the_run() -> None:
    first, second = networks(2)
    probes = [attach(first, sgd(first.parameters()), step=0, strict=True) for _ in range(2)]
    assert [probe.run for probe in probes] == [RUN, RUN]
    probes[1].finish()
    later = attach(second, sgd(second.parameters()), step=0, strict=True)
    assert later.run == RUN
    later.finish()


def test_an_argument_is_taken_as_it_is() -> None:
    first, second = networks(2)
    with attach(first, sgd(first.parameters()), step=0, strict=True) as one:
        given = attach(second, sgd(second.parameters()), id=RUN, step=0, strict=True)
        assert (one.run, given.run) == (RUN, RUN)
        given.finish()


def test_what_follows_from_an_identity_is_one_that_no_other_place_has() -> None:
    one = bytes.fromhex(RUN)
    found = {identity_beside(one, place) for place in ("0/1", "0/2", "1/0", "1/1")}
    assert len(found | {one}) == 5
    assert {len(identity) for identity in found} == {16}
