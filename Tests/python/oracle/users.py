"""Forwards by hand of users' networks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.unknown_adds import (
    ConstantScale,
    GatedMLP,
    InlineTop,
    InPlaceAdds,
    InPlaceBlock,
    LayerScaleBlock,
    ReZeroBlock,
)
from networks.unknown_wiring import EDSR, BlockTwice, EDSRBlock

from .tracing import Trace, traced_forward


def _last(module: nn.Module) -> nn.Module:
    assert isinstance(module, nn.Sequential)
    return module[-1]


@traced_forward.register
def _inline(model: InlineTop, trace: Trace, image: Tensor) -> Tensor:
    x = torch.relu(model.stem(image))
    for name in ("f1", "f2", "f3"):
        branch = getattr(model, name)
        x = trace.enter(x)
        x = trace.add(name, x, branch(x), [branch], last=_last(branch), relu=True)
    return model.fc(x.mean((2, 3)))


@traced_forward.register
def _in_place(model: InPlaceAdds, trace: Trace, image: Tensor) -> Tensor:
    x = model.stem(image)
    for place, block in enumerate(model.blocks):
        assert isinstance(block, InPlaceBlock)
        x = trace.enter(x)
        f = block.bn(block.conv2(torch.relu(block.conv1(torch.relu(x)))))
        scale = 0.5 if block.way == "x.add_(f, alpha)" else 1.0
        x = trace.add(
            f"blocks.{place}", x, scale * f, [block], last=block.bn, relu="relu_" in block.way
        )
    return model.fc(x.mean((2, 3)))


@traced_forward.register
def _constant_scale(model: ConstantScale, trace: Trace, image: Tensor) -> Tensor:
    x = model.stem(image)
    for name, scale in (("f1", 0.17), ("f2", 0.1), ("f3", 1 / 3)):
        branch = getattr(model, name)
        x = trace.enter(x)
        x = trace.add(name, x, scale * branch(x), [branch], last=_last(branch), relu=name == "f2")
    return model.fc(x.mean((2, 3)))


@traced_forward.register
def _gated(model: GatedMLP, trace: Trace, rows: Tensor) -> Tensor:
    x = model.stem(rows)
    for place, block in enumerate(model.blocks):
        x = trace.enter(x)
        if isinstance(block, ReZeroBlock):
            f = block.resweight * block.fc2(torch.relu(block.fc1(x)))
            gate = block.resweight
        else:
            assert isinstance(block, LayerScaleBlock)
            f = block.gamma * block.fc2(F.gelu(block.fc1(block.norm(x))))
            gate = block.gamma
        x = trace.add(f"blocks.{place}", x, f, [block], last=gate)
    return model.head(x)


@traced_forward.register
def _block_twice(model: BlockTwice, trace: Trace, image: Tensor) -> Tensor:
    x = torch.relu(model.stem(image))
    for name, block in (
        ("shared", model.shared),
        ("other", model.other),
        ("shared@2", model.shared),
    ):
        x = trace.enter(x)
        x = trace.add(name, x, block.f(x), [block.f], last=_last(block.f), relu=True)
    return model.fc(x.mean((2, 3)))


@traced_forward.register
def _edsr(model: EDSR, trace: Trace, image: Tensor) -> Tensor:
    stream = trace.enter(model.head(image))
    x = stream
    for place, block in enumerate(model.body):
        if not isinstance(block, EDSRBlock):
            x = block(x)
            continue
        x = trace.enter(x)
        f = block.scale * block.body[2](torch.relu(block.body[0](x)))
        x = trace.add(f"body.{place}", x, f, [block], last=block.body[2])
    x = trace.add("body", stream, x, [model.body], last=model.body[-1])
    return model.tail(x)
