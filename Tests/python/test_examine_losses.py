"""What the loss of a sample is: weights, losses that do not split, errors that cannot be counted."""

import functools
from typing import Any

import numpy as np
import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.densenet import DenseNet

from test_examine_kept import Net, batches, begun, said

WEIGHT = torch.tensor([1.0, 10.0, 100.0])


def network(classes: int = 3) -> nn.Module:
    model = Net(lambda: nn.Linear(8, 8))
    model.head = nn.Linear(8, classes)
    return model


def by_hand(model: nn.Module, loss: Any, data: list[tuple[Tensor, Tensor]], block: int) -> float:
    """The loss of all rows at once without a block; -1: with all."""
    model.eval()
    x = torch.cat([one for one, _ in data])
    with torch.no_grad():
        x = model.stem(x)  # type: ignore[operator]
        for place, one in enumerate(model.blocks):  # type: ignore[arg-type]
            x = x if place == block else one(x)
        value = loss(model.head(x), torch.cat([y for _, y in data]))  # type: ignore[operator]
    model.train()
    return float(value)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=WEIGHT),
        nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=1),
        nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.2),
        nn.CrossEntropyLoss(ignore_index=1),
        nn.NLLLoss(weight=WEIGHT),
        functools.partial(F.cross_entropy, weight=WEIGHT),
        functools.partial(functools.partial(F.nll_loss, ignore_index=0), weight=WEIGHT),
        nn.CrossEntropyLoss(),
        nn.MultiMarginLoss(weight=WEIGHT),
    ],
    ids=lambda loss: str(loss)[:60],
)
def test_a_weighted_mean_is_the_losss_own_on_the_probe_set(loss: Any) -> None:
    torch.manual_seed(2)
    model = network()
    probe = begun(model, strict=True)
    data = [*batches(8), *batches(5)]
    found = probe.examine(model, data, loss, progress=False, curve=False)
    base = by_hand(model, loss, data, -1)
    assert found is not None
    assert found.base_loss == pytest.approx(base, rel=1e-5)
    for place, one in enumerate(found):
        change = by_hand(model, loss, data, place) - base
        assert one.loss_change == pytest.approx(change, rel=1e-3, abs=1e-6)
        assert one.lower is not None
        assert one.upper is not None
        assert one.lower < change < one.upper
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_weights_of_tokens_and_of_probabilities_are_the_losss_own() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x).transpose(1, 2)  # rows × classes × tokens

    model = Tokens()
    probe = begun_with(model, torch.randn(4, 5, 6))
    x = torch.randn(6, 5, 6)
    labels = torch.randint(0, 3, (6, 5))
    labels[0, 1:] = -100
    soft = torch.rand(6, 3, 5).softmax(1)
    model.eval()
    with torch.no_grad():
        output = model(x)
    model.train()
    for target in (labels, soft):
        loss = nn.CrossEntropyLoss(weight=WEIGHT)
        found = probe.examine(model, [(x[:4], target[:4]), (x[4:], target[4:])], loss,
                              progress=False, curve=False)  # fmt: skip
        assert found is not None
        assert found.base_loss == pytest.approx(float(loss(output, target)), rel=1e-5)
    probe.finish()


def begun_with(model: nn.Module, x: Tensor, **options: Any) -> resnet_probe.Probe:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model.train(), optimizer, strict=True, **options)
    model(x).square().mean().backward()
    optimizer.step()
    return probe


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("kind", ["one logit", "regression", "a class too many"])
def test_no_error_is_counted_where_there_are_no_classes(kind: str) -> None:
    model = network(1 if kind != "a class too many" else 2)
    probe = begun_with(model, torch.randn(4, 6))
    own = torch.Generator().manual_seed(1)
    top = 2 if kind == "one logit" else 3 if kind == "a class too many" else 50
    data = [(x, torch.randint(0, top, (8,), generator=own)) for x, _ in batches(8)]

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return (output[:, 0] - target) ** 2

    found = probe.examine(model, data, loss, progress=False, curve=False)
    assert found is not None
    assert found.base_error is None
    assert all(one.error_change is None for one in found)
    assert "error" not in repr(found)  # nor an empty column
    assert "identity gap" in repr(found)
    probe.finish()


def contrastive(output: Tensor, target: Tensor) -> Tensor:
    """Rows of one class attract: of one row alone it is 0."""
    z = F.normalize(output, dim=1)
    logits = z @ z.T / 0.2 - 1e9 * torch.eye(len(z))
    pairs = (target[:, None] == target[None]) & ~torch.eye(len(z), dtype=torch.bool)
    return -(logits.log_softmax(1) * pairs).sum(1).div(pairs.sum(1).clamp(min=1)).mean()


def normalised(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy((output - output.mean(0)) / (output.std(0) + 1e-5), target)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("loss", [contrastive, normalised])
def test_a_loss_that_does_not_split_into_rows_is_refused(
    loss: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    model = network()
    probe = begun(model)
    assert probe.examine(model, batches(8), loss, progress=False, curve=False) is None
    (line,) = said(capfd)
    assert line.startswith(f"resnet-probe: cannot examine with {loss.__name__}: ")
    assert "the loss of a batch is no mean of its rows' losses (" in line
    assert line.endswith("; give a loss function that returns a value for each row")
    probe.finish()


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize(
    "loss",
    [
        lambda o, y: F.cross_entropy(o, y, reduction="sum"),
        lambda o, y: F.cross_entropy(o, y, reduction="sum") / 3,
        lambda o, y: F.cross_entropy(o, y, weight=WEIGHT),
        lambda o, y: F.cross_entropy(o, y) + 7.0,
    ],
)
def test_a_mean_or_a_sum_of_rows_is_taken_row_by_row(loss: Any) -> None:
    model = network()
    probe = begun(model, strict=True)
    data = batches(6)
    found = probe.examine(model, data, loss, progress=False, curve=False)
    rows = [by_hand(model, loss, [(x[i : i + 1], y[i : i + 1])], -1)
            for x, y in data for i in range(6)]  # fmt: skip
    assert found is not None
    assert found.base_loss == pytest.approx(float(np.mean(rows)), rel=1e-5)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_a_loss_and_a_forward_that_write_into_what_they_are_given_change_nothing() -> None:
    class Standardising(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x.sub_(1.0).mul_(0.5))

    model = Standardising()
    probe = begun_with(model, torch.randn(4, 6))
    data = batches(6)
    given = [x.clone() for x, _ in data]

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output.mul_(2.0), target.remainder_(2))

    found = probe.examine(model, data, loss, progress=False, curve=False)
    assert all(torch.equal(x, before) for (x, _), before in zip(data, given, strict=True))
    model.eval()
    with torch.no_grad():
        rows = [F.cross_entropy(2 * model(x.clone()), y % 2, reduction="none") for x, y in data]
    assert found is not None
    assert found.base_loss == pytest.approx(float(torch.cat(rows).mean()), rel=1e-5)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_padding_that_a_loss_averages_in_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    model = network()
    probe = begun_with(model, torch.randn(4, 5, 6))
    x, labels = torch.randn(6, 5, 6), torch.randint(0, 3, (6, 5))
    labels[:, 3:] = -100
    for reduction in ("none", "mean"):

        def loss(output: Tensor, target: Tensor, kind: str = reduction) -> Tensor:
            return F.cross_entropy(output.transpose(1, 2), target, reduction=kind)

        said(capfd)
        assert probe.examine(model, [(x, labels)], loss, progress=False, curve=False) is not None
        expected = [
            (
                "resnet-probe: examine: 40% of the loss's values are exactly 0 where targets hold"
                " padding (-100), and are averaged in: have loss_fn return the mean over what counts"
            )
        ]
        assert said(capfd) == (expected if reduction == "none" else [])
    probe.finish()


class Normalized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.net = network()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(10 * self.norm(x))


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("rows", [4, 32])
def test_running_averages_that_lag_are_said(rows: int, capfd: pytest.CaptureFixture[str]) -> None:
    own = torch.Generator().manual_seed(3)
    x = 100 + torch.randn(2 * rows, 6, generator=own)
    y = (x[:, 0] > 100).long()
    model = Normalized()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    probe = resnet_probe.attach(model.train(), optimizer, strict=True)
    data = [(x[:rows], y[:rows]), (x[rows:], y[rows:])]

    def trained(steps: int) -> list[str]:
        for _ in range(steps):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            probe.log(loss=loss)
        said(capfd)
        before = {key: one.clone() for key, one in model.state_dict().items()}
        assert probe.examine(model, data, F.cross_entropy, progress=False, curve=False) is not None
        assert all(torch.equal(one, before[key]) for key, one in model.state_dict().items())
        return said(capfd)

    (line,) = trained(8)
    assert "batch norm's running averages lag, and the ablations speak of that network" in line
    assert ("by the batch's own statistics" if rows == 32 else "worse than chance (1.1)") in line
    if rows == 32:
        assert trained(150) == []
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_what_no_identity_knows_is_measured_anew(capfd: pytest.CaptureFixture[str]) -> None:
    class Scaled(nn.Module):
        factor = 1.0

        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x) * self.factor

    model = Scaled()
    probe = begun_with(model, torch.randn(4, 6))
    first = probe.examine(model, batches(), F.cross_entropy, curve=False)
    same = probe.examine(model, batches(), F.cross_entropy, curve=False)
    assert "examine: 2 blocks, all of them measured before\n" in capfd.readouterr().err
    assert first == same
    model.factor = 0.0
    other = probe.examine(model, batches(), F.cross_entropy, curve=False)
    assert other is not None
    assert other.base_loss == pytest.approx(float(np.log(3)))
    assert [one.loss_change for one in other] == [0, 0]
    assert "all of them" not in capfd.readouterr().err
    again = probe.examine(model, batches(), F.cross_entropy, curve=False)
    assert again == other
    assert "all of them" in capfd.readouterr().err
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_the_maps_of_a_dense_layer_are_zeros_wherever_they_are_joined() -> None:
    torch.manual_seed(0)
    model = DenseNet(8, (3, 3), 16, num_classes=10)
    x, y = torch.randn(4, 3, 32, 32), torch.randint(0, 10, (4,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model.train(), optimizer, strict=True)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    found = probe.examine(model, [(x, y)], F.cross_entropy, progress=False, curve=False)
    assert found is not None
    assert len(found) == 6
    layers = dict(model.named_modules())
    model.eval()
    with torch.no_grad():
        base = F.cross_entropy(model(x), y)
        for one in found:
            name = one.name
            handle = layers[name].register_forward_hook(lambda _, __, out: torch.zeros_like(out))
            change = F.cross_entropy(model(x), y) - base
            handle.remove()
            assert one.loss_change == pytest.approx(float(change), abs=1e-5)
    probe.finish()


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"together": ["blocks.0", "blocks.1"]}, "'blocks.0' is one block, no set; give a list of"),
        ({"blocks": lambda _: 1 / 0}, "blocks= raised ZeroDivisionError: division by zero"),
        ({"confidence": "high"}, "confidence='high': it is to be above 0.5 and below 1"),
        ({"seconds": True}, "seconds=True: it is to be above 0"),
    ],
)
def test_a_choice_that_means_nothing_is_one_line(
    options: dict[str, Any], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = network()
    probe = begun(model)
    assert (
        probe.examine(model, batches(), F.cross_entropy, progress=False, **options, curve=False)
        is None
    )
    (line,) = said(capfd)
    assert words in line
    found = probe.examine(
        model, batches(), F.cross_entropy, samples=np.int64(3), progress=False, curve=False
    )
    assert found is not None
    assert found.samples == 3
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_a_batch_without_numbers_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    model = network()
    probe = begun(model)
    data = [(torch.randn(4, 6, device="meta"), torch.zeros(4).long())]
    assert probe.examine(model, data, F.cross_entropy, progress=False, curve=False) is None
    (line,) = said(capfd)
    assert "a tensor of it is on the meta device; give batches that hold numbers" in line
    probe.finish()
