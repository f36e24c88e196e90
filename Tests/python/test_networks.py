"""The catalogue's networks are what they say they are, and train."""

import importlib.util

import pytest
import torch

from networks.catalogue import CATALOGUE, Entry, entry, mean_loss, tensors_of

torch.set_num_threads(1)


def _available(rows: tuple[Entry, ...]) -> list[Entry]:
    return [row for row in rows if importlib.util.find_spec(row.needs) is not None]


ROWS = _available(CATALOGUE)
# The libraries' own networks train: that is the libraries' to test.
TRAINED = [row for row in ROWS if row.trained and row.needs == "torch"]
STATED = [row for row in ROWS if row.parameters is not None]


def test_names_are_unique() -> None:
    names = [row.name for row in CATALOGUE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", TRAINED, ids=lambda row: row.name)
def test_a_step_trains(row: Entry) -> None:
    torch.manual_seed(1)
    model = row.make().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    example = row.example()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    loss = mean_loss(model(*example.args, **example.kwargs))
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    changed = sum(
        not torch.equal(new, old) for new, old in zip(model.parameters(), before, strict=True)
    )
    assert changed > 0
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_runs_on_the_meta_device(row: Entry) -> None:
    model, example = row.on_meta()
    outputs = tensors_of(model(*example.args, **example.kwargs))
    assert outputs
    assert all(output.is_meta for output in outputs)


@pytest.mark.parametrize("row", STATED, ids=lambda row: row.name)
def test_parameters_are_as_stated(row: Entry) -> None:
    with torch.device("meta"):
        model = (row.full or row.make)()
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == pytest.approx(row.parameters, rel=0.01)


@pytest.mark.parametrize("divide", [True, False])
@pytest.mark.parametrize("mode", ["row", "batch", "skip"])
def test_stochastic_depth_drops_nothing_in_evaluation(mode: str, divide: bool) -> None:
    from networks.stochastic_depth import StochasticDepthResNet

    model = StochasticDepthResNet(14, mode, divide, width=4).eval()
    x = torch.randn(3, 3, 8, 8)
    assert torch.equal(model(x), model(x))


def test_the_rows_of_the_issue_are_there() -> None:
    named = [
        "plain-18", "plain-34", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
        "ResNet-20", "ResNet-56", "ResNet-110", "ResNet-1202", "pre-activation ResNet-18",
        "pre-activation ResNet-164", "WRN-28-10", "wide_resnet50_2", "stochastic depth row",
        "stochastic depth batch", "densenet121", "DenseNet-BC-100-12", "SimpleNet", "SimpNet",
        "alexnet", "vgg16", "googlenet", "inception_resnet_v2", "mobilenet_v2",
        "mobilenet_v3_small", "mobilenet_v3_large", "convnext_tiny", "efficientnet_b0",
        "vit_b_16", "swin_t", "resnetv2_50", "vit_tiny_patch16_224", "GPT", "BERT post-norm",
    ]  # fmt: skip
    assert all(entry(name) for name in named)
