"""Small networks of every kind that the oracle can follow, with an input for each."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from networks.bert import Bert
from networks.cifar_resnet import CifarResNet
from networks.densenet import DenseNet
from networks.entry import Example, mean_loss
from networks.gpt import GPT
from networks.plain import CifarPlainNet
from networks.preactivation import preact_cifar
from networks.stochastic_depth import StochasticDepthResNet
from networks.unknown import (
    EDSR,
    BlockTwice,
    ConstantScale,
    GatedMLP,
    InlineTop,
    InPlaceAdds,
    LayerScaleBlock,
    ReZeroBlock,
)
from oracle.convolutional import register_torchvision


def images(samples: int = 8, size: int = 8) -> Example:
    return Example((torch.randn(samples, 3, size, size),))


def padded_ids() -> Example:
    mask = torch.arange(8)[None, :] < torch.tensor([[8], [5], [3]])  # N x T
    return Example((torch.randint(1, 50, (3, 8)),), {"attention_mask": mask.long()})


def bert_loss(output: dict[str, torch.Tensor]) -> torch.Tensor:
    return mean_loss(output["logits"]) + output["last_hidden_state"][:, 0].square().mean()


def library_resnet() -> nn.Module:
    torchvision = pytest.importorskip("torchvision")
    register_torchvision()
    block = torchvision.models.resnet.Bottleneck
    return torchvision.models.ResNet(block, [1, 2, 1, 1], num_classes=10)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Example]]] = {
    "post-activation, padded": (lambda: CifarResNet(14, "A", 4), images),
    "post-activation, projected": (lambda: CifarResNet(14, "B", 4), images),
    "torchvision bottleneck": (library_resnet, lambda: images(4, 32)),
    "pre-activation": (lambda: preact_cifar(14, 4, bottleneck=False), images),
    "pre-activation bottleneck": (lambda: preact_cifar(20, 4), images),
    "plain": (lambda: CifarPlainNet(14, 4), images),
    "DenseNet": (lambda: DenseNet(16, 4), images),
    "inline": (lambda: InlineTop(6), images),
    "in place": (lambda: InPlaceAdds(6), images),
    "constant scale": (lambda: ConstantScale(6), images),
    "ReZero": (lambda: GatedMLP(ReZeroBlock), lambda: Example((torch.randn(9, 6),))),
    "LayerScale": (lambda: GatedMLP(LayerScaleBlock), lambda: Example((torch.randn(3, 5, 6),))),
    "block twice": (lambda: BlockTwice(6), images),
    "EDSR": (lambda: EDSR(6), images),
    "GPT": (lambda: GPT(50, 16, 2, 2, 16, 0.0), lambda: Example((torch.randint(0, 50, (3, 8)),))),
    "BERT": (lambda: Bert(50, 16, 2, 2, 16), padded_ids),
}
for _mode in ("row", "batch", "skip"):
    for _divide in (True, False):
        NETWORKS[f"stochastic depth {_mode} {'divided' if _divide else 'undivided'}"] = (
            partial(StochasticDepthResNet, 20, _mode, _divide, width=4),
            images,
        )
