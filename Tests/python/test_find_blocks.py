"""`find_blocks` on every network of the catalogue, and what it leaves as it was."""

import pathlib
import random

import numpy
import pytest
import resnet_probe
import torch
from resnet_probe import BlockMap, ProbeError
from torch import nn

from frames import frames_in
from networks.catalogue import CATALOGUE
from networks.entry import Entry, Example
from networks.unknown import EDSR, Parallel, shake_shake


def found_in(model: nn.Module, example: Example) -> BlockMap:
    """What is found with a catalogue's example."""
    return resnet_probe.find_blocks(model, (*example.args, dict(example.kwargs)))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_the_catalogues_blocks_are_found(entry: Entry) -> None:
    torch.manual_seed(0)
    model, example = entry.on_meta()
    blocks = found_in(model.train(), example)
    for kind, shortcut, expected in (
        ("residual", "identity", entry.identity),
        ("residual", "projection", entry.projection),
        ("plain", None, entry.plain),
        ("concat", None, entry.concat),
    ):
        if expected is not None:
            assert blocks.count(kind, shortcut) == expected, f"{kind} {shortcut}\n{blocks}"
    assert [block.ordinal for block in blocks] == list(range(len(blocks)))
    names = [block.name for block in blocks]
    assert len(set(names)) == len(names), names
    modules = {name for name, _ in model.named_modules()}
    parameters = {name for name, _ in model.named_parameters()}
    for block in blocks:
        assert block.name.split("@")[0] in modules, block.name
        assert block.shape, block
        assert block.parameters is not None, block
        assert block.parameters > 0, block
        assert block.gate is None or block.gate in parameters, block
        assert block.kind != "residual" or block.shortcut in ("identity", "projection")
        assert block.kind == "residual" or block.shortcut == "none"


def tiny() -> nn.Module:
    """A network with batch norm, dropout and randomness in its forward."""

    class Tiny(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.branch = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            keep = (torch.rand(x.shape[0], 1, 1, 1, device=x.device) < 0.7) / 0.7
            random.random()
            numpy.random.rand()
            return x + keep * self.branch(x)

    return Tiny()


@pytest.mark.parametrize("needs_data", [False, True])
def test_weights_buffers_and_randomness_stay_bit_for_bit(needs_data: bool) -> None:
    model = tiny()
    if needs_data:  # cannot run on the meta device

        def check(_module: nn.Module, args: tuple[torch.Tensor]) -> None:
            assert bool((args[0] == args[0]).all())

        model.register_forward_pre_hook(check)
    torch.manual_seed(3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    assert len(resnet_probe.find_blocks(model, torch.ones(4, 3, 8, 8))) == 1
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert numpy.random.get_state()[1].tolist() == states[2]
    assert all(p.grad is None for p in model.parameters())


def test_an_image_is_tried_where_no_example_is_given() -> None:
    assert len(resnet_probe.find_blocks(tiny())) == 1


def test_an_example_is_asked_for_where_none_can_be_guessed() -> None:
    with pytest.raises(ProbeError) as raised:
        resnet_probe.find_blocks(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    assert str(raised.value) == (
        "cannot find the blocks of Sequential: it does not begin with a 2-D convolution, so that no"
        " example can be guessed; give example= a batch as the training loop does"
    )


def test_an_example_that_does_not_fit_is_said_in_one_line() -> None:
    with pytest.raises(ProbeError) as raised:
        resnet_probe.find_blocks(tiny(), torch.ones(4, 5, 8, 8))
    line = str(raised.value)
    assert line.startswith("cannot find the blocks of Tiny: it does not run on the example (")
    assert "\n" not in line


def test_the_map_prints_as_a_table() -> None:
    lines = str(resnet_probe.find_blocks(tiny(), torch.ones(2, 3, 8, 8))).splitlines()
    assert lines[0] == "1 block: 1 residual, identity shortcut"
    assert lines[2].split() == [
        "#", "block", "kind", "shortcut", "stage", "stream", "parameters", "MACs", "gate", "drop",
        "found",
    ]  # fmt: skip
    assert lines[4].split()[:6] == ["0", "branch", "residual", "identity", "0", "4×8×8"]


def test_what_is_not_understood_is_said() -> None:
    def remarks(model: nn.Module, example: torch.Tensor) -> str:
        return "\n".join(resnet_probe.find_blocks(model.train(), example).remarks)

    images = torch.randn(2, 3, 8, 8)
    assert "body: a long skip over 3 blocks; not measured itself" in remarks(EDSR(), images)
    assert "two branches with 2 maps each are added; which is the shortcut is not clear" in remarks(
        shake_shake(), images
    )
    ids = torch.randint(0, 20, (2, 6))
    assert "its branch is also read outside the block" in remarks(Parallel("stream first"), ids)


class Pooled(nn.Module):
    """A residual block without a map: pooling of a norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.pool = nn.AvgPool2d(3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.pool(self.norm(x))


class Mixed(nn.Module):
    """Two pooled blocks, a residual one and a plain one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.mixers = nn.Sequential(Pooled(4), Pooled(4))
        self.f = nn.Conv2d(4, 4, 1)
        self.tail = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.mixers(self.stem(x))
        return self.tail(x + self.f(x))


def kinds_of(blocks: BlockMap) -> list[tuple[str, str, str]]:
    return [(block.name, block.kind, block.found) for block in blocks]


def test_a_registered_class_is_a_block_without_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_probe.finding.registry._registered", {})
    images = torch.randn(2, 3, 8, 8)
    assert kinds_of(resnet_probe.find_blocks(Mixed(), images)) == [("f", "residual", "graph")]
    resnet_probe.register_block(Pooled)
    assert kinds_of(resnet_probe.find_blocks(Mixed(), images)) == [
        ("mixers.0", "residual", "registry"),
        ("mixers.1", "residual", "registry"),
        ("f", "residual", "graph"),
    ]
    resnet_probe.register_block(Pooled, "none")
    assert kinds_of(resnet_probe.find_blocks(Mixed(), images)) == [("f", "residual", "graph")]


def test_a_map_of_ones_own_names_the_blocks() -> None:
    given = {"mixers.1": "residual", "tail": "plain"}
    found = resnet_probe.find_blocks(Mixed(), torch.randn(2, 3, 8, 8), blocks=given)
    assert kinds_of(found) == [("mixers.1", "residual", "user"), ("tail", "plain", "user")]


def test_a_map_that_names_no_module_is_refused() -> None:
    with pytest.raises(ValueError, match="blocks names 'mixer', which is no module of the network"):
        resnet_probe.find_blocks(Mixed(), blocks={"mixer": "plain"})
    with pytest.raises(ValueError, match="blocks says 'dense' of 'tail'"):
        resnet_probe.find_blocks(Mixed(), blocks={"tail": "dense"})


@pytest.mark.parametrize(
    ("blocks", "names"),
    [
        ("mixers.*", []),
        (["f", "tail"], ["f"]),
        (lambda block: block.kind == "residual", ["f"]),
        ({"mixers.0": "residual", "tail": "plain"}, ["mixers.0", "tail"]),
    ],
)
def test_attach_records_the_blocks_that_were_chosen(
    blocks: object, names: list[str], spool: pathlib.Path
) -> None:
    model = Mixed()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with resnet_probe.attach(model, optimizer, blocks=blocks, every=1) as probe:
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.randn(4, 3, 8, 8)).mean().backward()
            optimizer.step()
        assert probe.blocks is not None
        assert [block.name for block in probe.blocks] == names
    if names:
        for frame in frames_in(spool):
            assert [block.ordinal for block in frame.blocks] == list(range(len(names)))
            assert all(block.identity_gap is not None for block in frame.blocks)


def test_a_chain_takes_its_norm_and_activation_in() -> None:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(inplace=True),
        torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
    )  # fmt: skip
    found = resnet_probe.find_blocks(model, torch.randn(2, 4, 8, 8))
    assert [block.site.parameters for block in found] == [
        ("0.weight", "0.bias", "1.weight", "1.bias"),
        ("3.weight", "3.bias", "4.weight", "4.bias"),
    ]
