"""Forwards by hand of convolutional networks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.cifar_resnet import BasicBlock, CifarResNet
from networks.densenet import DenseLayer, DenseNet
from networks.plain import CifarPlainNet, PlainBlock
from networks.preactivation import PreActBlock, PreActBottleneck, PreActResNet
from networks.stochastic_depth import StochasticBlock, StochasticDepthResNet

from .tracing import Trace, traced_forward


@traced_forward.register
def _cifar_resnet(model: CifarResNet, trace: Trace, image: Tensor) -> Tensor:
    x = torch.relu(model.bn1(model.conv1(image)))
    for stage, blocks in enumerate((model.layer1, model.layer2, model.layer3), 1):
        for place, block in enumerate(blocks):
            assert isinstance(block, BasicBlock)
            x = trace.enter(x)
            f = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
            same = f.shape == x.shape
            x = trace.add(
                f"layer{stage}.{place}",
                x,
                f,
                [block.conv1, block.bn1, block.conv2, block.bn2],
                last=block.bn2,
                shortcut=None if same else block.shortcut(x),
                relu=True,
            )
    return model.linear(x.mean((2, 3)))


@traced_forward.register
def _plain(model: CifarPlainNet, trace: Trace, image: Tensor) -> Tensor:
    x = model.stem(image)
    for stage, blocks in enumerate(model.stages):
        assert isinstance(blocks, nn.Sequential)
        for place, block in enumerate(blocks):
            assert isinstance(block, PlainBlock)
            x = trace.enter(x)
            y = torch.relu(block.bn1(block.conv1(x)))
            y = torch.relu(block.bn2(block.conv2(y)))
            if y.shape == x.shape:
                trace.plain(f"stages.{stage}.{place}", x, y, block, block.bn2)
            x = y
    return model.head(x.mean((2, 3)))


@traced_forward.register
def _preactivation(model: PreActResNet, trace: Trace, image: Tensor) -> Tensor:
    x = model.conv1(image)
    for stage, blocks in enumerate(model.layers):
        assert isinstance(blocks, nn.Sequential)
        for place, block in enumerate(blocks):
            assert isinstance(block, (PreActBlock, PreActBottleneck))
            maps: list[nn.Module] = [block.conv1, block.bn2, block.conv2]
            if isinstance(block, PreActBottleneck):
                maps += [block.bn3, block.conv3]
            shortcut = None
            if hasattr(block, "shortcut"):
                # Branch and shortcut both start from the activated stream: that is the fork.
                x = trace.enter(torch.relu(block.bn1(x)))
                shortcut = block.shortcut(x)
                f = block.conv1(x)
            else:
                x = trace.enter(x)
                maps.insert(0, block.bn1)
                f = block.conv1(torch.relu(block.bn1(x)))
            f = block.conv2(torch.relu(block.bn2(f)))
            if isinstance(block, PreActBottleneck):
                f = block.conv3(torch.relu(block.bn3(f)))
            x = trace.add(f"layers.{stage}.{place}", x, f, maps, last=maps[-1], shortcut=shortcut)
    return model.linear(torch.relu(model.bn(x)).mean((2, 3)))


@traced_forward.register
def _stochastic_depth(model: StochasticDepthResNet, trace: Trace, image: Tensor) -> Tensor:
    x = torch.relu(model.bn1(model.conv1(image)))
    for place, block in enumerate(model.blocks):
        assert isinstance(block, StochasticBlock)
        x = trace.enter(x)
        shortcut = None if block.downsample is None else block.downsample(x)
        mask = torch.ones((), dtype=x.dtype)
        dropped = False
        if block.training:
            if block.mode == "skip":
                dropped = bool(torch.rand(1) >= block.survival)
                mask = torch.full((1,), 0.0 if dropped else 1.0, dtype=x.dtype)
            elif block.survival < 1:
                count = x.shape[0] if block.mode == "row" else 1
                mask = torch.empty(count, dtype=x.dtype).bernoulli_(block.survival)
            mask = mask / block.survival if block.divide else mask
        elif not block.divide:
            mask = mask * block.survival
        mask = mask.reshape(-1, 1, 1, 1)
        maps: list[nn.Module] = [block.conv1, block.bn1, block.conv2, block.bn2]
        if dropped:
            # The branch never runs: its norms must not see this batch.
            f = torch.zeros_like(x if shortcut is None else shortcut)
        else:
            f = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
            if block.training and block.mode == "skip":
                # No mask is there to tell the division from any constant scale: F as added.
                f, mask = f * mask, torch.ones_like(mask)
        x = trace.add(
            f"blocks.{place}", x, f, maps, last=block.bn2, shortcut=shortcut, relu=True, mask=mask
        )
    return model.fc(x.mean((2, 3)))


@traced_forward.register
def _densenet(model: DenseNet, trace: Trace, image: Tensor) -> Tensor:
    x = model.conv1(image)
    for stage, part in enumerate(model.features):
        if not isinstance(part, nn.Sequential):
            x = part(x)
            continue
        for place, layer in enumerate(part):
            assert isinstance(layer, DenseLayer)
            x = trace.enter(x)
            new = layer.conv1(torch.relu(layer.bn1(x)))
            new = layer.conv2(torch.relu(layer.bn2(new)))
            x = trace.concat(f"features.{stage}.{place}", x, new, layer, layer.conv2)
    return model.fc(F.relu(model.bn(x)).mean((2, 3)))


def register_torchvision() -> None:
    """Makes torchvision's ResNets traceable; ImportError where it is missing."""
    from torchvision.models import ResNet

    @traced_forward.register(ResNet)
    def _resnet(model: ResNet, trace: Trace, image: Tensor) -> Tensor:
        x = model.maxpool(torch.relu(model.bn1(model.conv1(image))))
        for stage in (1, 2, 3, 4):
            for place, block in enumerate(getattr(model, f"layer{stage}")):
                x = trace.enter(x)
                maps = [block.conv1, block.bn1, block.conv2, block.bn2]
                f = torch.relu(block.bn1(block.conv1(x)))
                f = block.bn2(block.conv2(f))
                if hasattr(block, "conv3"):
                    f = block.bn3(block.conv3(torch.relu(f)))
                    maps += [block.conv3, block.bn3]
                shortcut = None if block.downsample is None else block.downsample(x)
                x = trace.add(
                    f"layer{stage}.{place}", x, f, maps, last=maps[-1], shortcut=shortcut, relu=True
                )
        return model.fc(x.mean((2, 3)))
