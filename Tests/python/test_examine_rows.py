"""Rows told from tokens where a batch has as many of the one as of the other, and masks beside them."""

from typing import Any

import numpy as np
import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.examining.examination import Examination
from resnet_probe.examining.watch import Watch
from torch import Tensor, nn

from similarity_reference import array, cka, span
from test_examine_similarity_oracle import similarity_of


class Tokens(nn.Module):
    """Blocks that mix neighbouring tokens, over sequences before or after the rows."""

    def __init__(self, *, is_turned: bool, blocks: int = 3, width: int = 6) -> None:
        super().__init__()
        self.is_turned = is_turned
        self.embedding = nn.Embedding(20, width)
        self.maps = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.head = nn.Linear(width, 4)
        self.smallest = 0

    def branch(self, place: int, x: Tensor) -> Tensor:
        return torch.tanh(self.maps[place](x + x.roll(1, 0 if self.is_turned else 1)))

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        if len(ids) < self.smallest:
            raise ValueError("too few rows")
        x = self.embedding(ids)
        x = x.transpose(0, 1) if self.is_turned else x
        for place in range(len(self.maps)):
            x = x + self.branch(place, x)
        return self.head((x.transpose(0, 1) if self.is_turned else x).mean(1))


def batches(sizes: list[tuple[int, int]], *, is_masked: bool) -> list[dict[str, Tensor]]:
    found = []
    for rows, length in sizes:
        one = {"ids": torch.randint(1, 20, (rows, length)), "labels": torch.randint(0, 4, (rows,))}
        if is_masked:
            lengths = torch.randint(1, length + 1, (rows, 1))
            one["attention_mask"] = torch.arange(length) < lengths
        found.append(one)
    return found


def examined(
    model: Tokens, given: list[dict[str, Tensor]], *, smallest: int = 0, **options: Any
) -> Examination:
    example = {"ids": torch.randint(1, 20, (3, 5))}
    if "attention_mask" in given[0]:
        example["attention_mask"] = torch.ones(3, 5, dtype=torch.bool)
    probe = resnet_probe.attach(
        model, torch.optim.SGD(model.parameters(), lr=0.1), strict=True, example=example
    )
    model.smallest = smallest
    found = probe.examine(model, given, F.cross_entropy, progress=False, curve=False, **options)
    probe.finish()
    assert found is not None
    return found


def by_hand(
    model: Tokens, given: list[dict[str, Tensor]]
) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Of each batch the streams, one more than blocks, and the branches; rows first."""
    found = []
    with torch.no_grad():
        for batch in given:
            x = model.embedding(batch["ids"])
            x = x.transpose(0, 1) if model.is_turned else x
            streams, branches = [x], []
            for place in range(len(model.maps)):
                branches.append(model.branch(place, x))
                x = x + branches[-1]
                streams.append(x)
            turned = [
                [v.transpose(0, 1) if model.is_turned else v for v in own]
                for own in (streams, branches)
            ]
            found.append((turned[0], turned[1]))
    return found


def check(found: Examination, model: Tokens, given: list[dict[str, Tensor]]) -> None:
    told = similarity_of(found)
    assert told.left_out == ()
    passes = by_hand(model, given)
    masks = [one.get("attention_mask", torch.ones_like(one["ids"]) > 0) for one in given]
    beside = [(own, mask[:, :, None]) for own, mask in zip(passes, masks, strict=True)]
    for i in range(3):
        for j in range(i, 3):
            one = told.between(i, j)
            assert one is not None
            outputs = [[array(own[0][k + 1] * m) for own, m in beside] for k in (i, j)]
            branches = [[array(own[1][k] * m) for own, m in beside] for k in (i, j)]
            assert one.cka == pytest.approx(cka(*outputs), abs=1e-6)
            assert one.branch_cka == pytest.approx(cka(*branches), abs=1e-6)
            angles: list[float] = []
            for (streams, _), mask in zip(passes, masks, strict=True):
                angles += span(array(streams[i][mask]), array(streams[j + 1][mask]))[0]
            assert one.angular_distance.n == one.gap_samples == len(angles)
            assert one.angular_distance.mean == pytest.approx(np.mean(angles), abs=1e-6)


SIZES = {
    "square": [(8, 8), (8, 8)],
    "square, then not": [(8, 8), (5, 8)],
    "not, then square": [(8, 5), (8, 8)],
}


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("is_masked", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("is_turned", [False, True], ids=["rows first", "tokens first"])
@pytest.mark.parametrize("sizes", SIZES)
def test_cka_took_tokens_for_rows_where_there_were_as_many(
    sizes: str, is_turned: bool, is_masked: bool
) -> None:
    torch.manual_seed(2)
    model = Tokens(is_turned=is_turned)
    given = batches(SIZES[sizes], is_masked=is_masked)
    check(examined(model, given), model, given)


@pytest.mark.usefixtures("spool")
def test_spans_counted_padded_tokens_of_sequences_before_rows() -> None:
    torch.manual_seed(2)
    model = Tokens(is_turned=True)
    given = batches([(7, 5), (6, 4)], is_masked=True)
    found = examined(model, given)
    one = similarity_of(found).between(0, 2)
    assert one is not None
    assert one.angular_distance.n == sum(int(batch["attention_mask"].sum()) for batch in given)
    check(found, model, given)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("is_masked", [False, True], ids=["whole", "padded"])
def test_where_nothing_tells_rows_from_tokens_there_is_no_cka(is_masked: bool) -> None:
    torch.manual_seed(2)
    model = Tokens(is_turned=True)
    given = batches([(8, 8), (8, 8)], is_masked=is_masked)
    losses = examined(model, given, similarity=False)
    found = examined(model, given, smallest=8)
    told = similarity_of(found)
    words = "no CKA of maps.0, maps.1, maps.2, nor spans under a mask: rows and tokens cannot be told apart"
    assert told.left_out == (words,)
    assert all(one.cka is None and one.branch_cka is None for one in told)
    assert [one.angular_distance.n for one in told] == ([] if is_masked else [128] * 6)
    assert [one.loss_change for one in found] == [one.loss_change for one in losses]


@pytest.mark.usefixtures("spool")
def test_only_where_sizes_do_not_tell_a_batch_with_one_row_less_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[int] = []
    begin = Watch.begin
    monkeypatch.setattr(Watch, "begin", lambda own, n: (rows.append(n), begin(own, n))[1])
    for sizes, expected in (
        ([(8, 8), (8, 8)], [8, 7, 8, 8]),
        ([(8, 5), (8, 8)], [8, 8]),
        ([(3, 3), (8, 5)], [3, 8]),
    ):
        rows.clear()
        torch.manual_seed(2)
        examined(Tokens(is_turned=False), batches(sizes, is_masked=False))
        assert rows == expected
