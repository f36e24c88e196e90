"""What optimizers say of themselves is in the run's configuration, beside what the user gave."""

import pathlib
import types
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.journal.run import open_run
from resnet_probe.notices import Notices
from resnet_probe.training.recipe import recipe_of
from torch import nn

from networks.cifar_resnet import CifarResNet

PARAMETERS = [nn.Parameter(torch.zeros(1))]


def test_class_and_numbers_of_the_first_group_are_told_and_no_learning_rate() -> None:
    sgd = torch.optim.SGD(
        [{"params": PARAMETERS, "name": "first", "own": torch.ones(1), "lr_scale": 2.0}],
        lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True, foreach=False,
    )  # fmt: skip
    torch.optim.lr_scheduler.ConstantLR(sgd)
    assert recipe_of([sgd]) == {
        "optimizer": "SGD",
        "optimizer.momentum": "0.9",
        "optimizer.dampening": "0",
        "optimizer.weight_decay": "0.0005",
        "optimizer.nesterov": "True",
        "optimizer.maximize": "False",
    }
    adam = recipe_of([torch.optim.Adam(PARAMETERS, lr=torch.tensor(0.1), betas=(0.9, 0.95))])
    assert adam["optimizer.betas"] == "(0.9, 0.95)"
    assert adam["optimizer.eps"] == "1e-08"
    assert not {"optimizer.lr", "optimizer.params", "optimizer.fused"} & set(adam)


def test_several_optimizers_are_joined_and_wrappers_are_seen_into() -> None:
    sgd = torch.optim.SGD(PARAMETERS, lr=0.1, momentum=0.9, weight_decay=0.1)
    adam = torch.optim.Adam(PARAMETERS, weight_decay=0.2)
    wrapped: Any = types.SimpleNamespace(optimizer=adam, param_groups=adam.param_groups)
    found = recipe_of([sgd, wrapped])
    assert found["optimizer"] == "SGD + Adam"
    assert found["optimizer.momentum"] == "0.9 + -"
    assert found["optimizer.weight_decay"] == "0.1 + 0.2"
    assert recipe_of([]) == {}
    broken: Any = types.SimpleNamespace(param_groups=[])
    assert recipe_of([broken]) == {"optimizer": "SimpleNamespace"}


def test_what_the_user_says_stands_and_secrets_are_redacted() -> None:
    said: list[str] = []
    recipe = {"optimizer": "SGD", "optimizer.momentum": "0.9", "optimizer.token": "hush"}
    config = {"optimizer": {"momentum": 0.5}, "lr": 1}
    opened = open_run("r", Notices(write=said.append), config=config, recipe=recipe)
    assert opened.config == {
        "lr": "1",
        "optimizer": "SGD",
        "optimizer.momentum": "0.5",
        "optimizer.token": "(redacted)",
    }
    opened = open_run("r", Notices(write=said.append), config={"optimizer": "mine"}, recipe=recipe)
    assert opened.config["optimizer"] == "mine"
    assert said == []


def test_a_configuration_without_room_is_as_it_was_and_nothing_is_said() -> None:
    said: list[str] = []
    config = {str(number): "v" for number in range(1023)}
    recipe = {"optimizer": "SGD", "optimizer.momentum": "0.9"}
    opened = open_run("r", Notices(write=said.append), config=config, recipe=recipe)
    assert opened.config == config
    assert said == []


@pytest.mark.parametrize("config", [None, {"width": 4}])
def test_it_stands_in_the_journal(spool: pathlib.Path, config: Any) -> None:
    model = CifarResNet(8, "A", 4).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.875)
    with resnet_probe.attach(model, optimizer, config=config, strict=True):
        F.cross_entropy(model(torch.randn(2, 3, 8, 8)), torch.zeros(2).long()).backward()
        optimizer.step()
    (path,) = spool.glob("*.rpj")
    content = path.read_bytes()
    assert b"optimizer.momentum" in content
    assert b"0.875" in content
    assert (b"width" in content) == (config is not None)
