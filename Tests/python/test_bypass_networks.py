"""Bypassed copies of every kind of network give what `examine` measures, and train on."""

import copy
import importlib.util
import random
from collections.abc import Callable
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.bypassing.survey import survey
from resnet_probe.examining import base_pass
from resnet_probe.examining.probe_set import mapped
from resnet_probe.examining.removal import Removal, run_without
from resnet_probe.finding.search import searching
from resnet_probe.names import modules_of
from resnet_probe.tracing.trace import tensors_in
from torch import Tensor, nn

from networks.catalogue import CATALOGUE, Entry, Example, entry, mean_loss, tensors_of

#: Other rows show the same in less time.
HEAVY = {
    "alexnet",
    "vgg16",
    "wide_resnet50_2",
    "inception_resnet_v2",
    "resnet101",
    "resnet152",
    "ResNet-110",
    "pre-activation ResNet-164",
    "densenet121",
    "DenseNet-BC-100-12",
    "ResNet-56",
    "convnext_tiny",
    "swin_t",
    "resnet34",
    "plain-34",
    "plain-56",
    "mobilenet_v3_large",
    "googlenet",
    "googlenet with auxiliary heads",
    "mobilenet_v3_small",
    "stochastic depth row, undivided",
    "stochastic depth batch, undivided",
    "stochastic depth skip, undivided",
}
NO_BLOCKS = {"GRU", "parallel branches, left to right"}
ROWS = [
    row
    for row in CATALOGUE
    if row.trained
    and row.name not in HEAVY | NO_BLOCKS
    and importlib.util.find_spec(row.needs) is not None
]


def _mobilenet() -> nn.Module:
    from torchvision.models import MobileNetV2

    stages = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 2, 1]]
    return MobileNetV2(width_mult=0.25, inverted_residual_setting=stages)


def _efficientnet() -> nn.Module:
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig

    stages = [
        MBConvConfig(1, 3, 1, 32, 16, 1, 1.0, 1.0),
        MBConvConfig(6, 3, 2, 16, 24, 2, 1.0, 1.0),
        MBConvConfig(6, 5, 2, 24, 40, 3, 1.0, 1.0),
    ]
    return EfficientNet(stages, 0.2, last_channel=80)


def _vit() -> nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(32, 16, 4, 2, 32, 64)


def _timm(name: str, **options: Any) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, pretrained=False, **options)
    return model


#: The libraries' own modules, fewer of them and narrower: their blocks are the same.
SMALLER: dict[str, Callable[[], nn.Module]] = {
    "mobilenet_v2": _mobilenet,
    "efficientnet_b0": _efficientnet,
    "vit_b_16": _vit,
    "vit_tiny_patch16_224": lambda: _timm("vit_tiny_patch16_224", img_size=32, depth=4),
    "resnetv2_50": lambda: _timm("resnetv2_50", layers=(2, 2, 1, 1), width_factor=0.25),
}


def build(row: Entry) -> nn.Module:
    """The network of a row, smaller where another one shows the same."""
    return SMALLER.get(row.name, row.make)()


def made(row: Entry) -> tuple[nn.Module, Example]:
    """A network whose norms have seen data, so that its stream does not fade in eval mode."""
    torch.manual_seed(len(row.name))
    model, example = build(row), row.example()
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None
    with torch.no_grad():
        model.train()(*example.args, **example.kwargs)
    for norm in norms:
        norm.momentum = 0.1
    return model, example


def given(example: Example) -> Any:
    """An example as `bypass` takes it."""
    return (*example.args, dict(example.kwargs)) if example.kwargs else example.args


def removed(model: nn.Module, example: Example, names: list[str], inputs: Example) -> list[Tensor]:
    """What a network gives where some blocks are removed as `examine` does it."""
    blocks = resnet_probe.find_blocks(model, given(example))
    wanted = {(b.site.parameters, b.site.occurrence) for b in blocks if b.name in names}
    twin = copy.deepcopy(model).eval()

    def call() -> Any:
        return twin(*inputs.args, **inputs.kwargs)

    search = base_pass.EvalSearch(twin, base_pass._call)
    untouched = Removal()
    with untouched, searching(search, tensors_in((inputs.args, dict(inputs.kwargs)))):
        output = call()
    found = [b for b in search.blocks(output) if (b.site.parameters, b.site.occurrence) in wanted]
    spots = [base_pass._spot(block) for block in found]
    assert len(spots) == len(names)
    with torch.no_grad():
        removal = Removal([spot for spot in spots if spot is not None], untouched.seen)
        return tensors_of(run_without(call, removal, dict(modules_of(twin))))


def given_twice(example: Example) -> Example:
    """The same rows, and those again."""
    twice = mapped((example.args, dict(example.kwargs)), lambda t: torch.cat([t, t]))
    return Example(*twice)


def check_equal(one: list[Tensor], other: list[Tensor]) -> None:
    assert len(one) == len(other) > 0
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-6 * float(right.abs().max()))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_third_of_the_blocks_is_left_out_as_examine_removes_them(row: Entry) -> None:
    model, example = made(row)
    blocks = resnet_probe.find_blocks(model, given(example))
    chosen = random.Random(7).sample([b.name for b in blocks], max(1, len(blocks) // 3))
    before = copy.deepcopy(model.state_dict())
    whole = [block for block in blocks if block.name in chosen]  # all that a plan says of them
    bypassed = resnet_probe.bypass(model, whole, example=given(example))
    after = model.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert set(bypassed.state_dict()) <= set(before)
    bypassed.eval()
    inputs = given_twice(example)
    with torch.no_grad():
        output = tensors_of(bypassed(*inputs.args, **inputs.kwargs))
    check_equal(output, removed(model, example, chosen, inputs))
    kept = {key for b in blocks if b.name not in chosen for key in b.site.parameters}
    gone = {key for b in blocks if b.name in chosen for key in b.site.parameters} - kept
    assert not gone & {key for key, _ in bypassed.named_parameters()}


TRAINED = [
    "plain-20", "plain flat", "SimpleNet", "ResNet-20", "ResNet-20 option B", "resnet18",
    "resnet50", "pre-activation ResNet-29", "stochastic depth row", "DenseNet-BC-22-4", "GPT",
    "BERT post-norm", "mobilenet_v2", "vit_b_16", "vit_tiny_patch16_224",
    "in-place adds", "tuples", "LayerScale", "block twice", "squeeze-excitation", "conditioned",
    "checkpointed", "cross-attention", "torch encoder, pre-norm", "torch decoder",
]  # fmt: skip


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("name", TRAINED)
def test_what_is_left_trains_wholly_and_no_branch_comes_back(name: str, share: float) -> None:
    row = entry(name)
    model, example = made(row)
    names = [block.name for block in resnet_probe.find_blocks(model, given(example))]
    chosen = random.Random(3).sample(names, max(1, int(share * len(names))))
    bypassed = resnet_probe.bypass(model, chosen, example=given(example)).train()
    model.train()
    for one in (model, bypassed):
        mean_loss(one(*example.args, **example.kwargs)).backward()
    unused = {key for key, p in model.named_parameters() if p.grad is None}
    trained = {key: p for key, p in bypassed.named_parameters() if p.requires_grad}
    assert trained
    assert {key for key, p in trained.items() if p.grad is None} <= unused
    torch.optim.SGD(trained.values(), lr=1e-3, weight_decay=0.1).step()
    model.load_state_dict(bypassed.state_dict(), strict=False)
    with torch.no_grad():
        output = tensors_of(bypassed.eval()(*example.args, **example.kwargs))
    check_equal(output, removed(model, example, chosen, example))


@pytest.mark.parametrize("name", ["ResNet-20", "resnet50", "vit_b_16", "GPT", "DenseNet-BC-22-4"])
def test_gradients_are_those_of_the_network_that_the_blocks_are_removed_from(name: str) -> None:
    model, example = made(entry(name))
    blocks = resnet_probe.find_blocks(model, given(example))
    chosen = random.Random(5).sample([b.name for b in blocks], len(blocks) // 3)
    bypassed = resnet_probe.bypass(model, chosen, example=given(example)).eval()
    mean_loss(bypassed(*example.args, **example.kwargs)).backward()
    twin = copy.deepcopy(model).eval()
    seen, _ = survey(twin, (example.args, dict(example.kwargs)), None)
    spots = [seen.found[name].spot for name in chosen]
    output = run_without(
        lambda: twin(*example.args, **example.kwargs), Removal(spots), dict(modules_of(twin))
    )
    mean_loss(output).backward()
    wanted = dict(twin.named_parameters())
    for key, parameter in bypassed.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None
            torch.testing.assert_close(
                parameter.grad, wanted[key].grad, rtol=1e-4, atol=1e-7, msg=key
            )


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v2", "efficientnet_b0", "DenseNet-BC-22-4"]
)
def test_images_of_another_size_go_through(name: str) -> None:
    model, example = made(entry(name))
    names = [block.name for block in resnet_probe.find_blocks(model, given(example))]
    bypassed = resnet_probe.bypass(model, names[1::2], example=given(example)).eval()
    inputs = Example((torch.randn(3, 3, 40, 56),))
    with torch.no_grad():
        output = tensors_of(bypassed(*inputs.args))
    check_equal(output, removed(model, example, names[1::2], inputs))


class Upsampled(nn.Module):
    """Two branches in one module, each smaller within and as large as the stream at its end."""

    def __init__(self, *up: nn.Module) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(4, 4, 3, 2, 1) for _ in up)
        self.up = nn.ModuleList(up)

    def forward(self, x: Tensor) -> Tensor:
        for down, up in zip(self.down, self.up, strict=True):
            x = x + up(F.relu(down(x)))
        return x


def upsampling(*up: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), Upsampled(*up)).eval()


UPSAMPLING = {
    "a multiple": lambda: (nn.ConvTranspose2d(4, 4, 2, 2), nn.Upsample(scale_factor=2)),
    "one less": lambda: (nn.ConvTranspose2d(4, 4, 3, 2, 1), nn.ConvTranspose2d(4, 4, 3, 2, 1)),
}


@pytest.mark.parametrize(
    ("kind", "size", "others", "is_slow"),
    [("a multiple", 16, [12, 26], False), ("one less", 17, [9, 25], True)],
)
@pytest.mark.parametrize("chosen", [0, 1])
def test_an_upsampling_stand_in_ran_at_the_size_of_the_example_alone(
    kind: str, size: int, others: list[int], is_slow: bool, chosen: int,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    model = upsampling(*UPSAMPLING[kind]())
    example = Example((torch.randn(2, 3, size, size),))
    blocks = resnet_probe.find_blocks(model, example.args)
    names = [blocks[chosen].name]
    bypassed = resnet_probe.bypass(model, names, example=example.args).eval()
    assert ("the branch still runs" in capfd.readouterr().err) == is_slow
    for other in others:
        inputs = Example((torch.randn(3, 3, other, other + 4),))
        with torch.no_grad():
            output = tensors_of(bypassed(*inputs.args))
        check_equal(output, removed(model, example, names, inputs))
