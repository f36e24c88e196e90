"""Rows of torchvision's and timm's networks."""

from typing import Any

from torch import nn

from .entry import Entry, images


def _vision(name: str, **options: Any) -> nn.Module:  # noqa: ANN401
    import torchvision

    return getattr(torchvision.models, name)(weights=None, **options)


def _timm(name: str, **options: Any) -> nn.Module:  # noqa: ANN401
    import timm

    return timm.create_model(name, pretrained=False, **options)


def _row(
    name: str,
    size: int,
    identity: int = 0,
    projection: int = 0,
    *,
    label: str | None = None,
    plain: int = 0,
    concat: int = 0,
    trained: bool = True,
    parameters: float | None = None,
    **options: Any,  # noqa: ANN401
) -> Entry:
    return Entry(
        label or name,
        lambda: _vision(name, **options),
        images(size),
        identity,
        projection,
        plain,
        concat,
        trained=trained,
        parameters=parameters,
        needs="torchvision",
    )


def _timm_row(
    name: str,
    size: int,
    identity: int,
    projection: int = 0,
    *,
    trained: bool = True,
    parameters: float | None = None,
    **options: Any,  # noqa: ANN401
) -> Entry:
    return Entry(
        f"timm {name}",
        lambda: _timm(name, **options),
        images(size),
        identity,
        projection,
        trained=trained,
        parameters=parameters,
        needs="timm",
    )


LIBRARIES: tuple[Entry, ...] = (
    _row("resnet18", 32, 5, 3, parameters=11.69e6),  # §
    # 3 + 4 + 6 + 3 = 16 basic blocks; stage 1 keeps its 64 channels.
    _row("resnet34", 32, 13, 3, parameters=21.80e6),
    # Bottlenecks: the first of every stage projects, 64 → 256 in stage 1 too.
    _row("resnet50", 32, 12, 4, parameters=25.56e6),  # §
    _row("resnet101", 32, 29, 4, parameters=44.55e6),  # 3 + 4 + 23 + 3 = 33
    _row("resnet152", 32, 46, 4, parameters=60.19e6),  # §
    _row("wide_resnet50_2", 32, 12, 4, parameters=68.88e6),  # as resnet50
    # 6 + 12 + 24 + 16 layers; § says 0 residual adds.
    _row("densenet121", 32, concat=58, parameters=7.98e6),
    # 256 → 256 (features.10) and 4096 → 4096 (classifier.4); § says 0 adds.
    _row("alexnet", 64, plain=2, parameters=61.10e6),
    # conv 1_2, 2_2, 3_2, 3_3, 4_2, 4_3, 5_1, 5_2, 5_3, and 4096 → 4096 (classifier.3).
    _row("vgg16", 32, plain=10, parameters=138.36e6),
    # Inception occurs nine times; 4b and 4c have 512 channels in and out, 5a 832.
    _row("googlenet", 64, plain=3, aux_logits=False, init_weights=False, parameters=6.62e6),
    _row(
        "googlenet",
        64,
        plain=3,
        label="googlenet with auxiliary heads",
        aux_logits=True,
        init_weights=False,
        parameters=13.00e6,
    ),
    _row("mobilenet_v2", 32, 10, parameters=3.50e6),  # §
    _row("mobilenet_v3_small", 32, 6, parameters=2.54e6),  # §
    # bneck 1; 3; 5, 6; 8, 9, 10; 12; 14, 15: stride 1 and equal channels.
    _row("mobilenet_v3_large", 32, 10, parameters=5.48e6),
    _row("convnext_tiny", 64, 18, parameters=28.59e6),  # §
    _row("efficientnet_b0", 32, 9, parameters=5.29e6),  # §
    _row("vit_b_16", 32, 24, image_size=32),  # §
    _row("vit_b_16", 224, 24, label="vit_b_16 full", trained=False, parameters=86.57e6),
    _row("swin_t", 64, 24, parameters=28.29e6),  # §
    _timm_row("inception_resnet_v2", 96, 40, parameters=55.84e6),  # § 10 + 20 + 10
    _timm_row("resnetv2_50", 32, 12, 4, parameters=25.55e6),  # § 16; projections as resnet50
    _timm_row("vit_tiny_patch16_224", 32, 24, img_size=32),  # §
)
