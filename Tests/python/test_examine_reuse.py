"""What dense blocks reuse, against slices of their weights taken by hand."""

import pathlib
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.journal.reuse_wire import REUSE, Reuse, Source
from torch import Tensor, nn
from torchvision.models import DenseNet as TorchvisionDenseNet

from journals import fields, records
from networks.cifar_resnet import CifarResNet
from networks.densenet import DenseNet


def reuse_in(model: nn.Module, rows: int = 6, size: int = 8) -> tuple[Reuse, ...]:
    """What an examination tells after a training step."""
    x, y = torch.randn(rows, 3, size, size), torch.randint(0, 5, (rows,))
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, strict=True)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    found = probe.examine(model, [(x, y)], F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    assert found.similarity is not None
    assert found.similarity.left_out == ()
    return found.similarity.reuse


def check(one: Reuse, weight: Tensor, parts: list[tuple[int | None, int, int]]) -> None:
    """`parts` are what made channels, and from where to where they go."""
    assert [(source.ordinal, source.maps) for source in one.sources] == [
        (ordinal, end - start) for ordinal, start, end in parts
    ]
    for source, (_, start, end) in zip(one.sources, parts, strict=True):
        expected = float(weight[:, start:end].abs().double().mean())
        assert source.mean_weight == pytest.approx(expected, rel=1e-12)


@pytest.mark.usefixtures("spool")
def test_a_densenet_with_lists_of_maps() -> None:
    torch.manual_seed(0)
    model = TorchvisionDenseNet(4, (2, 3), 8, 2, num_classes=5)
    found = reuse_in(model, size=32)
    assert [one.reader for one in found] == [0, 1, 2, 3, 4]
    ordinal = 0
    for stage, layers in (("denseblock1", 2), ("denseblock2", 3)):
        first = ordinal
        for layer in range(layers):
            own = model.features.get_submodule(f"{stage}.denselayer{layer + 1}.conv1")
            weight = own.weight.detach()
            assert isinstance(weight, Tensor)
            parts: list[tuple[int | None, int, int]] = [(None, 0, 8)]
            parts += [(first + k, 8 + 4 * k, 12 + 4 * k) for k in range(layer)]
            check(found[ordinal], weight, parts)
            ordinal += 1


@pytest.mark.usefixtures("spool")
def test_a_densenet_that_joins_in_the_layer() -> None:
    torch.manual_seed(0)
    model = DenseNet(22, 4, 5)
    found = reuse_in(model)
    assert [one.reader for one in found] == list(range(9))
    layers: list[Any] = [one for stage in model.features if isinstance(stage, nn.Sequential)
                         for one in stage]  # fmt: skip
    for ordinal, layer in enumerate(layers):
        first = ordinal - ordinal % 3
        weight = layer.conv1.weight.detach()
        maps = weight.shape[1] - 4 * (ordinal - first)
        parts: list[tuple[int | None, int, int]] = [(None, 0, maps)]
        parts += [(k, maps + 4 * (k - first), maps + 4 * (k + 1 - first))
                  for k in range(first, ordinal)]  # fmt: skip
        check(found[ordinal], weight, parts)


class Turned(nn.Module):
    """New maps before the stream; the second block makes 3 maps, the others 4."""

    def __init__(self, *, rectifies: bool = False, shuffles: bool = False) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.rectifies, self.shuffles = rectifies, shuffles
        sizes = [(6, 4), (10, 3), (13, 4)]
        self.maps = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in sizes)
        self.head = nn.Linear(17, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for place, own in enumerate(self.maps):
            x = torch.cat((own(F.relu(x)), x), 1)
            if self.rectifies and place == 0:
                x = F.relu(x)
            if self.shuffles and place == 0:
                x = x.flip(1)
        return self.head(x.mean((2, 3)))


@pytest.mark.usefixtures("spool")
def test_new_maps_may_come_before_the_stream() -> None:
    torch.manual_seed(0)
    model = Turned()
    found = reuse_in(model)
    weights = [own.weight.detach() for own in model.maps]
    assert [one.reader for one in found] == [0, 1, 2]
    check(found[0], weights[0], [(None, 0, 6)])  # type: ignore[arg-type]
    check(found[1], weights[1], [(None, 4, 10), (0, 0, 4)])  # type: ignore[arg-type]
    check(found[2], weights[2], [(None, 7, 13), (0, 3, 7), (1, 0, 3)])  # type: ignore[arg-type]


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("way", [{"rectifies": True}, {"shuffles": True}], ids=str)
def test_where_it_is_not_certain_whose_channels_are_whose_there_is_no_row(
    way: dict[str, bool],
) -> None:
    torch.manual_seed(0)
    found = reuse_in(Turned(**way))
    assert [one.reader for one in found] == [0]


def shuffled(x: Tensor) -> Tensor:
    """As ShuffleNet and CondenseNet have it."""
    n, channels, *size = x.shape
    return x.view(n, 2, channels // 2, *size).transpose(1, 2).reshape(n, channels, *size)


MOVES: dict[str, Any] = {
    "roll": lambda x: torch.roll(x, 4, 1),
    "flip": lambda x: x.flip(1),
    "shuffle": shuffled,
    "index": lambda x: x[:, torch.arange(x.shape[1]).flip(0)],
    "halves": lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
    "square": lambda x: x.transpose(1, 2) if x.shape[1] == x.shape[2] else x.flip(1),
}


class Moving(nn.Module):
    """Dense blocks whose channels are moved between the concatenation and the weights."""

    def __init__(self, move: Any, *, is_last_alone: bool = False) -> None:
        super().__init__()
        self.move, self.is_last_alone = move, is_last_alone
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(8 + 4 * k) for k in range(3))
        self.maps = nn.ModuleList(nn.Conv2d(8 + 4 * k, 4, 3, padding=1) for k in range(3))
        self.head = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for place, (norm, own) in enumerate(zip(self.norms, self.maps, strict=True)):
            is_moved = place == 2 or not self.is_last_alone
            read = norm(x)
            read = F.dropout(F.relu(self.move(read) if is_moved else read), 0.1, self.training)
            x = torch.cat((x, own(read)), 1)
        return self.head(x.mean((2, 3)))


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("move", MOVES)
def test_reuse_gave_weights_to_the_wrong_blocks_where_channels_were_moved(move: str) -> None:
    torch.manual_seed(0)
    assert reuse_in(Moving(MOVES[move])) == ()
    model = Moving(MOVES[move], is_last_alone=True)
    found = reuse_in(model)
    assert [one.reader for one in found] == [0, 1]
    weight = model.maps[1].weight.detach()
    assert isinstance(weight, Tensor)
    check(found[1], weight, [(None, 0, 8), (0, 8, 12)])


class Transposed(Moving):
    """Its maps have weights (in, out, …), of as many channels in as out."""

    def __init__(self) -> None:
        super().__init__(lambda x: x)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8)])
        self.maps = nn.ModuleList([nn.ConvTranspose2d(8, 8, 3, padding=1)])
        self.head = nn.Linear(16, 5)


@pytest.mark.usefixtures("spool")
def test_weights_that_are_laid_out_otherwise_are_in_no_row() -> None:
    torch.manual_seed(0)
    assert reuse_in(Transposed()) == ()


@pytest.mark.usefixtures("spool")
def test_a_residual_network_reuses_nothing() -> None:
    torch.manual_seed(0)
    assert reuse_in(CifarResNet(8, "A", 4, 5)) == ()


def test_what_is_told_is_what_is_written(spool: pathlib.Path) -> None:
    torch.manual_seed(0)
    found = reuse_in(DenseNet(16, 4, 5))
    (path,) = spool.glob("*.rpj")
    written = []
    for record in records(path.read_bytes()):
        if record.kind != REUSE:
            continue
        sources = []
        for message in record.fields[10]:
            assert isinstance(message, bytes)
            own = {number: values[0] for number, values in fields(message).items()}
            sources.append(Source(own.get(1), own[2], own[3]))  # type: ignore[arg-type]
        written.append(Reuse(int(record.number(9)), tuple(sources)))
        assert record.number(4) == 6
        assert record.number(5) == 6
        assert len(record.fields[1][0]) == 16  # type: ignore[arg-type]
    assert tuple(written) == found
    assert [len(one.sources) for one in found] == [1, 2, 1, 2, 1, 2]
