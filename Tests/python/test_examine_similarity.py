"""How alike blocks are where the answer is known, and in networks and batches that are no plain ones."""

import math
from typing import Any

import numpy as np
import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.examining.similarities import Similarities
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from similarity_reference import array, cka, span
from test_examine_similarity_oracle import check_against, similarity_of


class Stack(nn.Module):
    """x + W x, block after block."""

    def __init__(self, weights: list[Tensor], classes: int = 5) -> None:
        super().__init__()
        self.maps = nn.ModuleList()
        for weight in weights:
            own = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            own.weight = nn.Parameter(weight)
            self.maps.append(own)
        self.head = nn.Linear(weights[0].shape[1], classes)

    def forward(self, x: Tensor) -> Tensor:
        for own in self.maps:
            x = x + own(x)
        return self.head(x)


def frozen(weights: list[Tensor], x: Tensor, **options: Any) -> Similarities:
    """What an examination says of a stack with these very weights."""
    model = Stack(weights)
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), example=x[:2], strict=True
    )
    y = torch.randint(0, 5, (len(x),))
    found = probe.examine(model, [(x, y)], F.cross_entropy, progress=False, **options, curve=False)
    probe.finish()
    assert found is not None
    return similarity_of(found)


def rotation(size: int) -> Tensor:
    turned, _ = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))
    return turned.float()


@pytest.mark.usefixtures("spool")
def test_a_rotation_keeps_all_information_and_is_far_from_identity() -> None:
    torch.manual_seed(2)
    turn = rotation(16)
    found = frozen([0.1 * torch.randn(16, 16), turn - torch.eye(16)], torch.randn(24, 16))
    pair, own = found.between(0, 1), found.between(1, 1)
    assert pair is not None
    assert own is not None
    assert pair.cka == pytest.approx(1, abs=1e-6)
    assert own.angular_distance.mean > 0.3
    assert own.span_gap is not None
    assert own.span_gap > 0.8


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("epsilon", [1e-4, 1e-2, 0.3])
def test_blocks_that_only_rescale_have_no_angle_and_a_gap_that_compounds(epsilon: float) -> None:
    torch.manual_seed(2)
    found = frozen([epsilon * torch.eye(32)] * 6, torch.randn(8, 32))
    for i in range(6):
        for j in range(i, 6):
            one = found.between(i, j)
            assert one is not None
            assert one.angular_distance.n == one.gap_samples == 8
            assert one.angular_distance.mean < 5e-8
            # Streams are rounded to float32 once a block: that is what is relative to the gap.
            expected = (1 + epsilon) ** (j - i + 1) - 1
            assert one.span_gap == pytest.approx(expected, rel=2e-6, abs=1e-7)
            assert one.cka == pytest.approx(1, abs=1e-6)


@pytest.mark.usefixtures("spool")
def test_blocks_that_are_identities_have_neither_angle_nor_gap() -> None:
    torch.manual_seed(2)
    weights = [torch.zeros(8, 8), torch.zeros(8, 8), 0.1 * torch.randn(8, 8)]
    found = frozen(weights, torch.randn(8, 8))
    for pair in ((0, 0), (0, 1), (1, 1)):
        one = found.between(*pair)
        assert one is not None
        assert (one.angular_distance.mean, one.angular_distance.m2) == (0.0, 0.0)
        assert (one.gap_samples, one.gap_logs.n, one.span_gap) == (8, 0, 0.0)
        assert one.cka == 1
        assert one.branch_cka is None  # of branches that are zero for every row
    both = found.between(0, 2)
    assert both is not None
    assert both.span_gap == pytest.approx(getattr(found.between(2, 2), "span_gap", None))


@pytest.mark.usefixtures("spool")
def test_what_one_block_does_and_the_next_undoes_is_a_span_of_nothing() -> None:
    torch.manual_seed(2)
    turn = rotation(16).double()
    eye = torch.eye(16, dtype=torch.float64)
    weights = [(turn - eye).float(), (turn.T - eye).float()]
    found = frozen(weights, torch.randn(8, 16))
    one, two, both = found.between(0, 0), found.between(1, 1), found.between(0, 1)
    assert one is not None
    assert two is not None
    assert both is not None
    assert min(one.angular_distance.mean, two.angular_distance.mean) > 0.2
    assert both.angular_distance.mean < 2e-7
    assert both.span_gap is not None
    assert both.span_gap < 1e-6


@pytest.mark.usefixtures("spool")
def test_samples_without_a_direction_or_a_finite_stream_are_left_out_each_by_itself() -> None:
    torch.manual_seed(2)
    x = torch.randn(8, 8)
    x[1] = 0  # no gap, no angle
    x[2] = torch.tensor([1.0] + [0.0] * 7)  # erased by the first block: a gap of 1, no angle
    erases = torch.zeros(8, 8)
    erases[0, 0] = -1
    found = frozen([erases, 0.1 * torch.randn(8, 8)], x)
    first, second = found.between(0, 0), found.between(1, 1)
    assert first is not None
    assert second is not None
    assert (first.gap_samples, first.angular_distance.n) == (7, 6)
    assert (second.gap_samples, second.angular_distance.n) == (6, 6)
    assert first.cka == 1


class Leaky(Stack):
    """Row 3 of what the first block returns is not finite; the head does not see it."""

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.maps[0](x)
        x = x.masked_fill(torch.arange(len(x))[:, None] == 3, math.inf)
        x = x + self.maps[1](x)
        x = torch.where(torch.isfinite(x), x, 0)
        return self.head(x + self.maps[2](x))


@pytest.mark.usefixtures("spool")
def test_a_row_that_is_not_finite_leaves_its_blocks_without_cka() -> None:
    torch.manual_seed(2)
    model = Leaky([0.1 * torch.randn(8, 8) for _ in range(3)])
    x, y = torch.randn(8, 8), torch.randint(0, 5, (8,))
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), example=x, strict=True
    )
    found = probe.examine(model, [(x, y)], F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    told = similarity_of(found)
    defined = {(one.first, one.last) for one in told if one.cka is not None}
    assert defined == {(0, 0), (0, 2), (2, 2)}
    counts = {(one.first, one.last): one.angular_distance.n for one in told}
    assert counts == {(0, 0): 8, (0, 1): 7, (0, 2): 7, (1, 1): 7, (1, 2): 7, (2, 2): 7}


@pytest.mark.usefixtures("spool")
def test_padded_tokens_are_in_no_span_and_are_zero_in_cka() -> None:
    torch.manual_seed(2)
    weights = [0.3 * torch.randn(8, 8) for _ in range(3)]

    class Masked(Stack):
        def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
            return super().forward(x).mean(1)

    model = Masked(weights)
    x, y = torch.randn(6, 5, 8), torch.randint(0, 5, (6,))
    mask = torch.arange(5) < torch.tensor([5, 4, 3, 2, 1, 5])[:, None]
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), strict=True,
        example={"x": x, "attention_mask": mask},
    )  # fmt: skip
    found = probe.examine(
        model,
        [{"x": x, "attention_mask": mask, "labels": y}],
        F.cross_entropy,
        progress=False,
        curve=False,
    )
    probe.finish()
    assert found is not None
    one = similarity_of(found).between(0, 1)
    assert one is not None
    streams = [x]
    for weight in weights:
        streams.append(streams[-1] + streams[-1] @ weight.T)
    angles, _ = span(array(streams[0][mask]), array(streams[2][mask]))
    assert one.angular_distance.n == int(mask.sum()) == len(angles)
    assert one.angular_distance.mean == pytest.approx(np.mean(angles), abs=1e-6)
    own = [array(stream * mask[:, :, None]) for stream in streams[1:3]]
    assert one.cka == pytest.approx(cka([own[0]], [own[1]]), abs=1e-6)


@pytest.mark.usefixtures("spool")
def test_of_sequences_before_rows_the_rows_are_samples_of_cka() -> None:
    torch.manual_seed(2)
    weights = [0.3 * torch.randn(8, 8) for _ in range(2)]

    class Sequences(Stack):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.transpose(0, 1)).mean(0)

    model = Sequences(weights)
    x, y = torch.randn(6, 5, 8), torch.randint(0, 5, (6,))
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), example=x, strict=True
    )
    found = probe.examine(model, [(x, y)], F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    one = similarity_of(found).between(0, 1)
    assert one is not None
    first = x + x @ weights[0].T
    expected = cka([array(first)], [array(first + first @ weights[1].T)])
    assert one.cka == pytest.approx(expected, abs=1e-6)
    assert one.angular_distance.n == 30


class Images(nn.Module):
    """Three post-activation blocks of one stage, in one of several ways to run the same sums."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.maps = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3))
        self.head = nn.Linear(8, 5)

    def block(self, place: int, x: Tensor) -> Tensor:
        branch = self.norms[place](self.maps[place](x))
        if self.way == "stream overwritten":
            return F.relu_(x.add_(branch))
        if self.way == "branch overwritten":
            branch += x
            return branch.relu_()
        return F.relu(x + branch)

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "channels last":
            x = x.to(memory_format=torch.channels_last)
        x = self.stem(x)
        for place in range(3):
            if self.way == "checkpointed":
                x = checkpoint(self.block, place, x, use_reentrant=False)
            else:
                x = self.block(place, x)
        return self.head(x.mean((2, 3)))


WAYS = ("stream overwritten", "branch overwritten", "channels last", "checkpointed")


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("way", WAYS)
def test_however_a_network_runs_its_sums_the_numbers_are_the_same(way: str) -> None:
    found = []
    for one in ("plainly", way):
        torch.manual_seed(3)
        model = Images(one)
        torch.manual_seed(4)
        x, y = torch.randn(8, 3, 6, 6), torch.randint(0, 5, (8,))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        probe = resnet_probe.attach(model, optimizer, strict=True, example=x)
        told = probe.examine(model, [(x, y)], F.cross_entropy, progress=False)
        probe.finish()
        assert told is not None
        found.append(similarity_of(told))
    plainly, other = found
    assert len(plainly) == len(other) == 6
    for one, two in zip(plainly, other, strict=True):
        assert one.angular_distance.n == two.angular_distance.n == 8
        assert two.angular_distance.mean == pytest.approx(one.angular_distance.mean, abs=1e-6)
        assert two.span_gap == pytest.approx(one.span_gap, rel=1e-5)
        assert two.cka == pytest.approx(one.cka, abs=1e-6)
        assert two.branch_cka == pytest.approx(one.branch_cka, abs=1e-5)
    assert all(one.angular_distance.mean > 0.1 for one in plainly)


@pytest.mark.usefixtures("spool")
def test_large_batches_go_in_chunks_and_small_ones_give_no_cka() -> None:
    torch.manual_seed(2)
    weights = [0.2 * torch.randn(8, 8) for _ in range(2)]
    model = Stack(weights)
    x, y = torch.randn(277, 8), torch.randint(0, 5, (277,))
    batches = [(x[:270], y[:270]), (x[270:273], y[270:273]), (x[273:], y[273:])]
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), example=x[:2], strict=True
    )
    found = probe.examine(model, batches, F.cross_entropy, progress=False, curve=False)
    rows = probe.examine(model, list(zip(x.split(3), y.split(3), strict=True)), F.cross_entropy,
                         samples=9, progress=False, curve=False)  # fmt: skip
    probe.finish()
    assert found is not None
    assert rows is not None
    one = similarity_of(found).between(0, 1)
    assert one is not None
    streams = [[array(own + own @ weights[0].T) for own, _ in batches], []]
    for own, _ in batches:
        first = own + own @ weights[0].T
        streams[1].append(array(first + first @ weights[1].T))
    assert one.cka == pytest.approx(cka(*streams), abs=1e-6)
    assert one.angular_distance.n == 277
    small = similarity_of(rows)
    assert small.left_out == ("no CKA: it takes batches of 4 rows or more",)
    assert all(one.cka is None and one.angular_distance.n == 9 for one in small)


class Deciding(Stack):
    """Leaves its second block out where the first number of the batch is above 10."""

    def forward(self, x: Tensor) -> Tensor:
        for place, own in enumerate(self.maps):
            if place != 1 or x[0, 0] <= 10:
                x = x + own(x)
        return self.head(x)


@pytest.mark.usefixtures("spool")
def test_a_block_that_not_every_batch_runs_is_in_no_pair() -> None:
    torch.manual_seed(2)
    model = Deciding([0.1 * torch.randn(8, 8) for _ in range(3)])
    x, y = torch.randn(12, 8), torch.randint(0, 5, (12,))
    x[6, 0] = 20
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), example=x[:2], strict=True
    )
    batches = [(x[:6], y[:6]), (x[6:], y[6:])]
    found = probe.examine(model, batches, F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    told = similarity_of(found)
    assert {(one.first, one.last) for one in told} == {(0, 0), (0, 2), (2, 2)}
    both = told.between(0, 2)
    assert both is not None
    assert both.gap_samples == 0  # a block between the two is missing
    assert both.cka is not None
    assert told.left_out == ("no similarity of maps.1: not every batch runs it",)
    assert found.left_out == ("maps.1 is left out: it does not run in every batch",)


@pytest.mark.usefixtures("spool")
def test_a_block_that_runs_twice_is_two() -> None:
    torch.manual_seed(2)

    class Twice(Stack):
        def forward(self, x: Tensor) -> Tensor:
            for own in (*self.maps, *self.maps):
                x = x + own(x)
            return self.head(x)

    weights = [0.2 * torch.randn(8, 8) for _ in range(2)]
    model = Twice(weights)
    x, y = torch.randn(8, 8), torch.randint(0, 5, (8,))
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), example=x, strict=True
    )
    found = probe.examine(model, [(x, y)], F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    parts = []
    for weight in (*weights, *weights):
        branch = x @ weight.T
        parts.append((x, branch, x + branch))
        x = x + branch
    check_against(similarity_of(found), [parts], [[0, 1, 2, 3]], is_token=False, absolute=1e-6)
