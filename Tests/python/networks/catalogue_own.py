"""Rows of the papers' networks that no library ships."""

import torch

from .bert import Bert
from .cifar_resnet import CifarResNet
from .densenet import DenseNet
from .entry import Entry, Example, ids, images
from .gpt import GPT
from .plain import CifarPlainNet, plain18, plain34, plain_flat
from .preactivation import preact_cifar, preact_resnet18
from .simplenet import SimpleNet
from .simpnet import SimpNet
from .stochastic_depth import StochasticDepthResNet
from .wide import WideResNet


def _gpt() -> GPT:
    return GPT(vocabulary=50, context=16, layers=3, heads=2, width=16)


def _bert() -> Bert:
    return Bert(vocabulary=50, context=16, layers=2, heads=2, width=16)


def _padded() -> Example:
    mask = torch.arange(8)[None, :] < torch.tensor([[8], [5]])
    return Example((torch.randint(1, 50, (2, 8)),), {"attention_mask": mask.to(torch.long)})


def _stochastic(mode: str, divide: bool) -> StochasticDepthResNet:
    return StochasticDepthResNet(20, mode, divide, width=4)


PLAIN = (
    # 2 + 2 + 2 + 2 PlainBlocks of two convolutions; the first of stages 2 to 4 changes shape.
    Entry("plain-18", lambda: plain18(width=8), images(32), plain=5),
    # 3 + 4 + 6 + 3 less three. ResNet-34's 21.8 M less its projections' 174,080.
    Entry("plain-34", lambda: plain34(8), images(32), plain=13, parameters=21.62e6, full=plain34),
    # 6n + 2: 3n blocks, of which the first of stages 2 and 3 change shape.
    Entry("plain-20", lambda: CifarPlainNet(20, width=4), images(16), plain=7),
    Entry(
        "plain-56",
        lambda: CifarPlainNet(56, 4),
        images(16),
        plain=25,
        parameters=0.85e6,
        full=lambda: CifarPlainNet(56),
    ),
    # One Sequential: no class occurs twice with two maps, so the six 8 → 8 convolutions.
    Entry("plain flat", plain_flat, images(16), plain=6),
    # conv 3, 4 (128), 5, 6 (128), 8, 9 (256) and 13 (256) have equal shapes, the head has not.
    Entry(
        "SimpleNet",
        lambda: SimpleNet(width=4),
        images(32),
        plain=7,
        parameters=5.48e6,
        full=SimpleNet,
    ),
    # conv 3, 4 (128), 6 to 9 (192) and 11 (288).
    Entry(
        "SimpNet",
        lambda: SimpNet(divisor=8),
        images(32),
        plain=7,
        parameters=5.48e6,
        full=SimpNet,
    ),
)

RESIDUAL = (
    # 3n blocks; stage 1 keeps its 16 channels, so two shortcuts are padded or projected.
    Entry("ResNet-20", lambda: CifarResNet(20), images(32), 7, 2, parameters=0.27e6),
    Entry(
        "ResNet-56",
        lambda: CifarResNet(56, width=4),
        images(16),
        25,
        2,
        parameters=0.85e6,
        full=lambda: CifarResNet(56),
    ),
    Entry(
        "ResNet-110",
        lambda: CifarResNet(110, width=4),
        images(8),
        52,
        2,
        parameters=1.73e6,
        full=lambda: CifarResNet(110),
    ),
    Entry(
        "ResNet-1202",
        lambda: CifarResNet(1202),
        images(32),
        598,
        2,
        trained=False,
        parameters=19.4e6,
    ),
    Entry("ResNet-20 option B", lambda: CifarResNet(20, "B", 4), images(16), 7, 2),
    # 2 x 4 blocks; the stem has the first stage's width.
    Entry("pre-activation ResNet-18", lambda: preact_resnet18(8), images(16), 5, 3),
    # 54 bottlenecks; 16 → 64, 64 → 128, 128 → 256 are projections.
    Entry(
        "pre-activation ResNet-164",
        lambda: preact_cifar(164, 4),
        images(8),
        51,
        3,
        parameters=1.70e6,
        full=lambda: preact_cifar(164),
    ),
    Entry("pre-activation ResNet-29", lambda: preact_cifar(29, width=4), images(16), 6, 3),
    # 3 x 4 blocks; with a width factor the first stage widens too.
    Entry("WRN-28-10", WideResNet, images(32), 9, 3, trained=False, parameters=36.48e6),
    Entry("WRN-28-2", lambda: WideResNet(28, 2, 0.3, base=4), images(16), 9, 3),
    Entry("stochastic depth row", lambda: _stochastic("row", True), images(16, 8), 7, 2),
    Entry(
        "stochastic depth row, undivided", lambda: _stochastic("row", False), images(16, 8), 7, 2
    ),
    Entry(
        "stochastic depth batch",
        lambda: _stochastic("batch", True),
        images(16, 8),
        7,
        2,
        silent=True,
    ),
    Entry(
        "stochastic depth batch, undivided",
        lambda: _stochastic("batch", False),
        images(16, 8),
        7,
        2,
        silent=True,
    ),
    # The branch of a dropped block does not run: only a pass in evaluation mode sees all nine.
    Entry(
        "stochastic depth skip",
        lambda: _stochastic("skip", True),
        images(16, 8),
        7,
        2,
        silent=True,
    ),
    Entry(
        "stochastic depth skip, undivided",
        lambda: _stochastic("skip", False),
        images(16, 8),
        7,
        2,
        silent=True,
    ),
    Entry(
        "stochastic depth 110",
        lambda: StochasticDepthResNet(110),
        images(32),
        52,
        2,
        trained=False,
        parameters=1.73e6,
    ),
)

OTHERS = (
    # 3 x 16 layers, each with its own torch.cat.
    Entry(
        "DenseNet-BC-100-12",
        lambda: DenseNet(100, 2),
        images(16),
        concat=48,
        parameters=0.77e6,
        full=DenseNet,
    ),
    Entry("DenseNet-BC-22-4", lambda: DenseNet(22, 4), images(16), concat=9),
    # Attention and MLP are separate blocks.
    Entry("GPT", _gpt, ids(50, 8), 6),
    Entry("GPT-2 size", GPT, ids(50257, 16), 24, trained=False, parameters=124.4e6),
    Entry("BERT post-norm", _bert, _padded, 4),
    # Without the masked-language head.
    Entry("BERT-base size", Bert, ids(30522, 16), 24, trained=False, parameters=109.5e6),
)

OWN: tuple[Entry, ...] = (*PLAIN, *RESIDUAL, *OTHERS)
"""All of them."""
