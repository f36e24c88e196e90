"""Rows of torchvision's and timm's networks."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from .entry import Entry, images


def _vision(name: str, options: Mapping[str, Any]) -> nn.Module:
    import torchvision

    return getattr(torchvision.models, name)(weights=None, **options)


def _timm(name: str, options: Mapping[str, Any]) -> nn.Module:
    import timm

    return timm.create_model(name, pretrained=False, **options)


def _vit(layers: int = 12, width: int = 32) -> nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(32, 16, layers, 2, width, 2 * width)


def _row(
    name: str,
    size: int,
    identity: int = 0,
    projection: int = 0,
    *,
    label: str | None = None,
    options: Mapping[str, Any] | None = None,
    library: str = "torchvision",
    **fields: Any,
) -> Entry:
    build = _vision if library == "torchvision" else _timm
    fields = {"make": lambda: build(name, options or {}), **fields}
    return Entry(
        name=label or name,
        example=images(size),
        identity=identity,
        projection=projection,
        needs=library,
        **fields,
    )


def _narrow(name: str, identity: int, projection: int, parameters: float) -> Entry:
    """A deep ResNet with an eighth of the width within its bottlenecks."""
    return _row(
        name,
        32,
        identity,
        projection,
        options={"width_per_group": 8},
        parameters=parameters,
        full=lambda: _vision(name, {}),
    )


TORCHVISION = (
    _row("resnet18", 32, 5, 3, parameters=11.69e6),  # §
    # 3 + 4 + 6 + 3 = 16 basic blocks; stage 1 keeps its 64 channels.
    _row("resnet34", 32, 13, 3, parameters=21.80e6),
    # Bottlenecks: the first of every stage projects, 64 to 256 in stage 1 too.
    _narrow("resnet50", 12, 4, 25.56e6),  # §
    _narrow("resnet101", 29, 4, 44.55e6),  # 3 + 4 + 23 + 3 = 33
    _narrow("resnet152", 46, 4, 60.19e6),  # §
    _row("wide_resnet50_2", 32, 12, 4, parameters=68.88e6, slow=True),  # as resnet50
    # 6 + 12 + 24 + 16 layers; § says 0 residual adds.
    _row("densenet121", 32, concat=58, parameters=7.98e6),
    # 256 to 256 (features.10) and 4096 to 4096 (classifier.4); § says 0 adds.
    _row("alexnet", 64, plain=2, parameters=61.10e6, slow=True),
    # conv 1_2, 2_2, 3_2, 3_3, 4_2, 4_3, 5_1, 5_2, 5_3, and 4096 to 4096 (classifier.3).
    _row("vgg16", 32, plain=10, parameters=138.36e6, slow=True),
    # Inception occurs nine times; 4b and 4c have 512 channels in and out, 5a 832. The other class
    # with two maps that occurs twice is Sequential: none of them has equal shapes.
    _row(
        "googlenet",
        64,
        plain=3,
        options={"aux_logits": False, "init_weights": False},
        parameters=6.62e6,
    ),
    _row(
        "googlenet",
        64,
        plain=3,
        label="googlenet with auxiliary heads",
        options={"aux_logits": True, "init_weights": False},
        parameters=13.00e6,
    ),
    _row("mobilenet_v2", 32, 10, parameters=3.50e6),  # §
    _row("mobilenet_v3_small", 32, 6, parameters=2.54e6),  # §
    # bneck 1; 3; 5, 6; 8, 9, 10; 12; 14, 15: stride 1 and equal channels.
    _row("mobilenet_v3_large", 32, 10, parameters=5.48e6),
    _row("convnext_tiny", 64, 18, parameters=28.59e6, silent=True, slow=True),  # §
    _row("efficientnet_b0", 32, 9, parameters=5.29e6, silent=True),  # §
    _row(  # §
        "vit_b_16",
        32,
        24,
        make=_vit,
        parameters=86.57e6,
        full=lambda: _vision("vit_b_16", {}),
    ),
    _row("vit_b_16", 224, 24, label="vit_b_16 full", trained=False),
    _row("swin_t", 64, 24, parameters=28.29e6, silent=True, slow=True),  # §
)

TIMM = (
    # § 10 Block35, 20 Block17, 10 Block8; the last of these without a ReLU.
    _row("inception_resnet_v2", 80, 40, library="timm", parameters=55.84e6, slow=True),
    _row("resnetv2_50", 32, 12, 4, library="timm", parameters=25.55e6),  # § 16; as resnet50
    _row(  # §
        "vit_tiny_patch16_224", 32, 24, library="timm", options={"img_size": 32}
    ),
)

LIBRARIES: tuple[Entry, ...] = (*TORCHVISION, *TIMM)
"""All of them."""
