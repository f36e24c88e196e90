"""Ablations against networks whose forward was written again, with a block left out by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import resnet_probe
import timm
import torch
import torch.nn.functional as F
from resnet_probe.examining.bootstrap import RESAMPLES, Bootstrap
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import Bottleneck, ResNet

from networks.cifar_resnet import CifarResNet
from networks.densenet import DenseNet
from networks.gpt import GPT
from networks.plain import CifarPlainNet, plain_flat
from networks.preactivation import PreActBlock, PreActResNet
from networks.stochastic_depth import StochasticDepthResNet

Without = Callable[[Any, Tensor, int], Tensor]
"""The logits of a network without its block of that number."""


@dataclass(frozen=True)
class Case:
    make: Callable[[], nn.Module]
    without: Without
    batch: Callable[[], tuple[Tensor, Tensor]] = lambda: images(3)
    blocks: int | None = None
    loss: Any = F.cross_entropy


def images(channels: int, size: int = 8, samples: int = 6) -> tuple[Tensor, Tensor]:
    x = torch.randn(samples, channels, size, size, dtype=torch.float64)
    return x, torch.randint(0, 5, (samples,))


def post_activation(net: Any, x: Tensor, block: int) -> Tensor:
    x = F.relu(net.bn1(net.conv1(x)))
    for place, one in enumerate([*net.layer1, *net.layer2, *net.layer3]):
        branch = one.bn2(one.conv2(F.relu(one.bn1(one.conv1(x)))))
        x = F.relu(one.shortcut(x) + (0 if place == block else branch))
    return net.linear(F.avg_pool2d(x, x.shape[-1]).flatten(1))


def pre_activation(net: Any, x: Tensor, block: int) -> Tensor:
    x = net.conv1(x)
    for place, one in enumerate([layer for stage in net.layers for layer in stage]):
        out = F.relu(one.bn1(x))
        shortcut = one.shortcut(out) if hasattr(one, "shortcut") else x
        branch = one.conv2(F.relu(one.bn2(one.conv1(out))))
        x = shortcut if place == block else shortcut + branch
    return net.linear(F.relu(net.bn(x)).mean((2, 3)))


def bottleneck(net: Any, x: Tensor, block: int) -> Tensor:
    x = net.maxpool(F.relu(net.bn1(net.conv1(x))))
    for place, one in enumerate([*net.layer1, *net.layer2, *net.layer3, *net.layer4]):
        shortcut = x if one.downsample is None else one.downsample(x)
        out = F.relu(one.bn2(one.conv2(F.relu(one.bn1(one.conv1(x))))))
        x = F.relu(shortcut if place == block else one.bn3(one.conv3(out)) + shortcut)
    return net.fc(x.mean((2, 3)))


def stochastic(net: Any, x: Tensor, block: int) -> Tensor:
    x = F.relu(net.bn1(net.conv1(x)))
    for place, one in enumerate(net.blocks):
        shortcut = x if one.downsample is None else one.downsample(x)
        scale = 1.0 if one.divide else one.survival
        x = F.relu(shortcut if place == block else shortcut + scale * one.branch(x))
    return net.fc(x.mean((2, 3)))


def gpt(net: Any, idx: Tensor, block: int) -> Tensor:
    parts = net.transformer
    x = parts["wte"](idx) + parts["wpe"](torch.arange(idx.shape[1]))
    for place, one in enumerate(parts["h"]):
        x = x if block == 2 * place else x + one.attn(one.ln_1(x))
        x = x if block == 2 * place + 1 else x + one.mlp(one.ln_2(x))
    return net.lm_head(parts["ln_f"](x))


class Encoder(nn.Module):
    """torch's own transformer, which in eval mode would run one fused operation a layer."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, dropout=0.1, batch_first=True, norm_first=norm_first
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).mean(1))


def encoder(net: Any, x: Tensor, block: int) -> Tensor:
    for place, one in enumerate(net.encoder.layers):
        for half, norm in enumerate((one.norm1, one.norm2)):
            stream = norm(x) if one.norm_first else x
            if half == 0:
                branch = one.self_attn(stream, stream, stream, need_weights=False)[0]
            else:
                branch = one.linear2(F.relu(one.linear1(stream)))
            x = x if block == 2 * place + half else x + branch
            x = x if one.norm_first else norm(x)
    return net.head(x.mean(1))


class Mlp(nn.Module):
    """Two residual blocks of two linears; the second scales its stream and not its branch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)) for _ in range(2)
        )
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x + self.first(x))
        return self.head(torch.add(self.second(x), x, alpha=2))


def mlp(net: Any, x: Tensor, block: int) -> Tensor:
    x = F.relu(x if block == 0 else x + net.first(x))
    return net.head(2 * x if block == 1 else 2 * x + net.second(x))


def plain(net: Any, x: Tensor, block: int) -> Tensor:
    x = net.stem(x)
    place = 0
    for one in [layer for stage in net.stages for layer in stage]:
        out = one(x)
        if out.shape == x.shape:
            out = x if place == block else out
            place += 1
        x = out
    return net.head(x.mean((2, 3)))


def flat(net: Any, x: Tensor, block: int) -> Tensor:
    x = F.relu(net[0](x))
    for place in range(3):
        own = net[2 + 3 * place : 5 + 3 * place]
        x = x if place == block else own(x.clone())
    return net[-3:](x)


def dense(net: Any, x: Tensor, block: int) -> Tensor:
    x = net.conv1(x)
    place = 0
    for stage in net.features:
        if not isinstance(stage, nn.Sequential):
            x = stage(x)
            continue
        for one in stage:
            new = one.conv2(F.relu(one.bn2(one.conv1(F.relu(one.bn1(x))))))
            x = torch.cat((x, torch.zeros_like(new) if place == block else new), 1)
            place += 1
    return net.fc(F.relu(net.bn(x)).mean((2, 3)))


def convnext(net: Any, x: Tensor, block: int) -> Tensor:
    place = 0
    for stage in net.features:
        if not any(hasattr(part, "layer_scale") for part in stage):
            x = stage(x)
            continue
        for one in stage:
            x = x if place == block else x + one.layer_scale * one.block(x)
            place += 1
    return net.classifier(net.avgpool(x))


def vit(net: Any, x: Tensor, block: int) -> Tensor:
    x = net.norm_pre(net.patch_drop(net._pos_embed(net.patch_embed(x))))
    for place, one in enumerate(net.blocks):
        x = x if block == 2 * place else x + one.ls1(one.attn(one.norm1(x)))
        x = x if block == 2 * place + 1 else x + one.ls2(one.mlp(one.norm2(x)))
    return net.forward_head(net.norm(x))


def tokens() -> tuple[Tensor, Tensor]:
    return torch.randint(0, 11, (6, 7)), torch.randint(0, 11, (6, 7))


def token_loss(output: Any, target: Tensor) -> Tensor:
    logits = output[0] if isinstance(output, tuple) else output
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


CASES = {
    "post-activation": Case(lambda: CifarResNet(8, "B", 4, 5), post_activation, blocks=3),
    "padded shortcuts": Case(lambda: CifarResNet(14, "A", 4, 5), post_activation, blocks=6),
    "pre-activation": Case(
        lambda: PreActResNet(PreActBlock, (2, 1), 4, 5), pre_activation, blocks=3
    ),
    "bottleneck with projections": Case(
        lambda: ResNet(Bottleneck, [2, 1, 1, 1], 5, width_per_group=4), bottleneck,
        lambda: images(3, 32), 5,
    ),
    "GPT": Case(lambda: GPT(11, 8, 2, 2, 8, 0.1), gpt, tokens, 4, token_loss),
    "post-norm encoder": Case(
        lambda: Encoder(False), encoder,
        lambda: (torch.randn(6, 4, 8, dtype=torch.float64), torch.randint(0, 5, (6,))), 4,
    ),
    "pre-norm encoder": Case(
        lambda: Encoder(True), encoder,
        lambda: (torch.randn(6, 4, 8, dtype=torch.float64), torch.randint(0, 5, (6,))), 4,
    ),
    "MLP": Case(
        Mlp, mlp,
        lambda: (torch.randn(6, 8, dtype=torch.float64), torch.randint(0, 5, (6,))), 2,
    ),
    "plain": Case(lambda: CifarPlainNet(14, 4, 5), plain, blocks=4),
    "plain without modules": Case(lambda: plain_flat(3, 4), flat, blocks=3),
    "DenseNet": Case(lambda: DenseNet(16, 4, 5), dense, blocks=6),
    "ConvNeXt": Case(
        lambda: ConvNeXt([CNBlockConfig(8, 16, 2), CNBlockConfig(16, None, 1)], 0.5, 0.7,
                         num_classes=5),
        convnext, lambda: images(3, 16), 3,
    ),
    "timm with stochastic depth": Case(
        lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=16, embed_dim=12,
                                  num_heads=2, depth=2, num_classes=5, drop_path_rate=0.5),
        vit, lambda: images(3, 32), 4,
    ),
    "stochastic depth by row": Case(
        lambda: StochasticDepthResNet(8, "row", False, 0.9, 4), stochastic, blocks=3
    ),
    "branches skipped": Case(
        lambda: StochasticDepthResNet(8, "skip", True, 0.9, 4), stochastic, blocks=3
    ),
}  # fmt: skip


def trained(case: Case) -> tuple[nn.Module, resnet_probe.Probe]:
    """The network after a training step, in which its blocks were found, and its probe."""
    torch.manual_seed(1)
    model = case.make().double().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, strict=True)
    for _ in range(2):
        x, y = case.batch()
        optimizer.zero_grad()
        case.loss(model(x), y).backward()
        optimizer.step()
    return model, probe


def own_losses(case: Case, logits: Tensor, y: Tensor) -> Tensor:  # (rows,)
    return torch.stack(
        [case.loss(logits[row : row + 1], y[row : row + 1]) for row in range(len(y))]
    )


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("name", CASES)
def test_the_change_of_the_loss_is_that_of_a_forward_written_without_the_block(name: str) -> None:
    case = CASES[name]
    model, probe = trained(case)
    batches = [case.batch(), case.batch()]
    found = probe.examine(model, batches, case.loss, progress=False, curve=False)
    assert found is not None
    assert not found.left_out
    assert len(found) == (case.blocks or len(probe.blocks or ())), probe.blocks
    model.eval()
    with torch.no_grad():
        base = torch.cat([own_losses(case, case.without(model, x, -1), y) for x, y in batches])
        assert found.base_loss == pytest.approx(float(base.mean()), abs=1e-9)
        for place, one in enumerate(found):
            without = torch.cat(
                [own_losses(case, case.without(model, x, place), y) for x, y in batches]
            )
            assert one.loss_change == pytest.approx(float((without - base).mean()), abs=1e-9)
            assert one.ordinals == (place,)
    assert sum(one.loss_change == 0 for one in found) == 0
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_blocks_are_removed_together_and_alone() -> None:
    case = CASES["post-activation"]
    model, probe = trained(case)
    batch = case.batch()
    found = probe.examine(model, [batch], case.loss, blocks="layer2*", progress=False,
                          together=[["layer2.0", "layer1.0"], [2]], curve=False)  # fmt: skip
    assert found is not None
    assert [one.ordinals for one in found] == [(1,), (0, 1), (2,)]
    assert found[1].name == "layer1.0 + layer2.0"
    assert found[1].identity_gap is None
    only = probe.examine(model, [batch], case.loss, blocks=[1], progress=False, curve=False)
    assert only is not None
    assert only[0].loss_change == found[0].loss_change
    assert (only[0].lower, only[0].upper) == (found[0].lower, found[0].upper)
    probe.finish()


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("name", ["post-activation", "pre-activation", "ConvNeXt", "GPT"])
def test_a_block_whose_branch_is_zero_changes_nothing_at_all(name: str) -> None:
    case = CASES[name]
    model, probe = trained(case)
    assert probe.blocks is not None
    block = probe.blocks[1]
    with torch.no_grad():
        for parameter in block.site.last_map:
            model.get_parameter(parameter).zero_()
    found = probe.examine(model, [case.batch()], case.loss, progress=False, curve=False)
    assert found is not None
    one = found[1]
    assert (one.loss_change, one.lower, one.upper) == (0.0, 0.0, 0.0)
    assert one.error_change in (0.0, None)
    assert block.shortcut == "projection" or one.identity_gap == 0.0
    assert found[0].loss_change != 0
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_identity_gaps_are_those_of_eval_mode() -> None:
    case = CASES["post-activation"]
    model, probe = trained(case)
    x, y = case.batch()
    found = probe.examine(model, [(x, y)], case.loss, progress=False, curve=False)
    assert found is not None
    kept: list[Tensor] = []
    model.eval()
    handle = model.layer1[0].register_forward_hook(  # type: ignore[index,union-attr]
        lambda _, args, output: kept.extend([args[0], output])
    )
    with torch.no_grad():
        model(x)
    handle.remove()
    stream, output = (tensor.flatten(1) for tensor in kept)
    gaps = sorted(((output - stream).norm(dim=1) / stream.norm(dim=1)).tolist())
    assert found[0].identity_gap == pytest.approx(gaps[2], rel=1e-9)  # the third of six
    assert found[1].identity_gap is None  # a projection
    probe.finish()


def test_bounds_are_percentiles_of_means_over_drawn_samples() -> None:
    own = Bootstrap(40, 0.9)
    assert own._counts.shape == (RESAMPLES, 40)
    assert bool((own._counts.sum(1) == 40).all())
    generator = np.random.default_rng(3)
    changes = generator.gamma(0.5, size=40) - 0.2
    lower, upper = own.bounds(torch.from_numpy(changes))
    means = own._counts.numpy() @ changes / 40
    assert lower == pytest.approx(np.quantile(means, 0.1), abs=1e-12)
    assert upper == pytest.approx(np.quantile(means, 0.9), abs=1e-12)
    # The reference's own draws differ: bounds agree within what 2,000 draws tell.
    drawn = changes[generator.integers(0, 40, (20_000, 40))].mean(1)
    spread = changes.std() / np.sqrt(40)
    assert abs(lower - np.quantile(drawn, 0.1)) < 0.15 * spread
    assert abs(upper - np.quantile(drawn, 0.9)) < 0.15 * spread
    assert Bootstrap(40, 0.9).bounds(torch.from_numpy(changes)) == (lower, upper)


def test_bounds_hold_the_mean_as_often_as_they_say() -> None:
    own = Bootstrap(60, 0.95)
    generator = torch.Generator().manual_seed(5)
    outside = [0, 0]
    for _ in range(400):
        changes = torch.randn(60, generator=generator, dtype=torch.float64)
        lower, upper = own.bounds(changes)
        outside[0] += lower > 0
        outside[1] += upper < 0
    assert all(8 <= one <= 36 for one in outside), outside  # 20 expected, 5 % each way
