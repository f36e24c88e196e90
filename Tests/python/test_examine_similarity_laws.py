"""Laws of CKA by unbiased HSIC₁, and what measuring how alike blocks are must leave alone."""

import gc
import math
import os
import pathlib
import signal
import weakref
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.examining import cka, spans, watch
from resnet_probe.examining.cka import Alignment, features_of
from resnet_probe.examining.similarities import Similarities
from resnet_probe.journal.frame import Moments
from resnet_probe.journal.similarity_wire import SIMILARITY, Similarity
from torch import Tensor, nn

from journals import Record, fields, records
from networks.cifar_resnet import CifarResNet
from networks.gpt import GPT
from test_examine_resumed import begun, shuffled


def aligned(first: Tensor, last: Tensor, rows: int) -> float:
    """CKA of two sets of features, (rows, …) each, in batches of so many rows."""
    own = Alignment(2)
    batches = 0
    for pair in zip(first.split(rows), last.split(rows), strict=True):
        for ordinal, features in enumerate(pair):
            own.take(ordinal, features)
        own.end_batch({0, 1})
        batches += 1
    return own.values(batches)[0, 1]


def drawn(rows: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features of two layers that have something in common, and nothing between rows."""
    own = torch.Generator().manual_seed(seed)
    common = torch.randn(rows, 6, generator=own, dtype=torch.float64)
    mixes = [
        torch.randn(6, 40, generator=torch.Generator().manual_seed(k)).double() for k in (1, 2)
    ]
    return tuple(  # type: ignore[return-value]
        common @ mix + 2 * torch.randn(rows, 40, generator=own, dtype=torch.float64)
        for mix in mixes
    )


def test_it_does_not_see_rotations_permutations_scales_and_shifts_of_features() -> None:
    x, y = drawn(64)
    plain = aligned(x, y, 32)
    turn, _ = torch.linalg.qr(torch.randn(40, 40, dtype=torch.float64))
    assert 0.1 < plain < 0.9
    assert aligned(x @ turn, y, 32) == pytest.approx(plain, abs=1e-12)
    assert aligned(x, y[:, torch.randperm(40)], 32) == pytest.approx(plain, abs=1e-12)
    assert aligned(-3 * x, y + 1000, 32) == pytest.approx(plain, abs=1e-9)
    assert aligned(y, x, 32) == pytest.approx(plain, abs=1e-12)
    assert aligned(x, x @ turn, 32) == pytest.approx(1, abs=1e-12)


def test_it_does_not_see_the_order_of_rows_within_a_chunk_nor_that_of_chunks() -> None:
    x, y = drawn(64)
    order = torch.cat([32 + torch.randperm(32), torch.randperm(32)])
    assert aligned(x[order], y[order], 32) == pytest.approx(aligned(x, y, 32), abs=1e-12)


def test_it_has_no_bias_by_the_rows_of_a_chunk() -> None:
    """Of the same 4,096 rows: by 1,024 chunks of 4, 256 of 16 and 32 of 128."""
    x, y = drawn(4096)
    whole = aligned(x, y, 128)
    spread = []
    for rows in (4, 16, 64):
        assert aligned(x, y, rows) == pytest.approx(whole, abs=0.012)
    for seed in range(1, 21):
        spread.append(aligned(*drawn(256, seed), 16) - whole)
    mean = sum(spread) / len(spread)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in spread) / (len(spread) - 1))
    assert abs(mean) < 3 * deviation / math.sqrt(len(spread)) + 0.003  # a ratio's own bias is 1/n
    assert biased(x, y, 16) - whole > 0.1  # what averages of HSIC₀ would give


def biased(x: Tensor, y: Tensor, rows: int) -> float:
    sums = [0.0, 0.0, 0.0]
    for own, other in zip(x.split(rows), y.split(rows), strict=True):
        k, l = (v - v.mean(0) for v in (own, other))
        k, l = k @ k.T, l @ l.T
        sums[0] += float((k * l).sum())
        sums[1] += float((k * k).sum())
        sums[2] += float((l * l).sum())
    return sums[0] / math.sqrt(sums[1] * sums[2])


def test_independent_features_have_a_cka_around_zero_of_either_sign() -> None:
    values = []
    for seed in range(20):
        own = torch.Generator().manual_seed(seed)
        x, y = (torch.randn(64, 200, generator=own) for _ in range(2))
        values.append(aligned(x, y, 16))
    assert min(values) < 0 < max(values)
    assert abs(sum(values) / len(values)) < 0.02


@pytest.mark.parametrize("value", [0.0, 3.7, 1e20])
def test_features_that_are_the_same_for_every_row_have_none(value: float) -> None:
    own = Alignment(2)
    own.take(0, torch.full((8, 1000), value))
    own.take(1, torch.randn(8, 10))
    own.end_batch({0, 1})
    assert own.values(1) == {(1, 1): 1.0}


def test_a_small_part_that_varies_over_a_large_constant_is_seen() -> None:
    x, y = drawn(32)
    shifted = (1000 + x / 10).float()  # one part in 10,000
    assert aligned(shifted, y, 32) == pytest.approx(aligned(x, y, 32), abs=1e-3)
    exact = aligned(shifted.double(), y, 32)
    assert aligned(shifted, y, 32) == pytest.approx(exact, abs=1e-6)


def test_memory_formats_are_the_same_features() -> None:
    x = torch.randn(8, 3, 5, 7)
    y = torch.randn(8, 3, 5, 7)
    plain = aligned(x, y, 8)
    last = aligned(x.to(memory_format=torch.channels_last), y, 8)
    assert last == pytest.approx(plain, abs=1e-6)


def test_products_have_all_of_float32s_digits_whatever_a_user_set() -> None:
    x, y = (v.float() for v in drawn(32))
    plain = aligned(x, y, 32)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        assert aligned(x, y, 32) == pytest.approx(plain, abs=1e-6)
    finally:
        torch.set_float32_matmul_precision(before)
    with torch.autocast("cpu", torch.bfloat16):
        assert aligned(x, y, 32) == plain


def test_features_are_the_rows_of_the_batch() -> None:
    tokens = torch.randn(5, 8, 3)
    assert features_of(tokens, 0, None) is tokens
    turned = features_of(tokens, 1, None)
    assert turned is not None
    assert torch.equal(turned, tokens.transpose(0, 1))
    assert features_of(torch.zeros(5, 3, dtype=torch.int64), 0, None) is None
    present = torch.rand(5, 8) > 0.5
    for axis in (0, 1):
        masked = features_of(tokens, axis, present)
        assert masked is not None
        assert torch.equal(masked, (tokens * present[:, :, None]).transpose(0, axis))
    unfitting = features_of(tokens, 0, present.T)
    assert unfitting is tokens


def written(spool: pathlib.Path) -> list[Record]:
    paths = sorted([*spool.glob("*.rpj"), *spool.glob("delivered/*.rpj")])
    return [one for path in paths for one in records(path.read_bytes()) if one.kind == SIMILARITY]


def moments(message: Any) -> Moments:
    values = {} if message is None else fields(message)
    n, mean, m2 = (values.get(place, [0])[0] for place in (1, 2, 3))
    return Moments(int(n), float(mean), float(m2))


def pairs_in(record: Record) -> list[Similarity]:
    found = []
    for message in record.fields[10]:
        assert isinstance(message, bytes)
        own = fields(message)
        one = {number: values[0] for number, values in own.items()}
        found.append(
            Similarity(
                int(record.number(9)), int(one.get(1, 0)), moments(one.get(2)),
                int(one.get(3, 0)), moments(one.get(4)), one.get(5), one.get(6),
            )  # type: ignore[arg-type]
        )  # fmt: skip
    return found


def test_what_is_told_is_what_is_written_and_a_second_call_tells_the_same(
    spool: pathlib.Path,
) -> None:
    model, probe = begun()
    first = probe.examine(model, shuffled(), F.cross_entropy, progress=False, curve=False)
    again = probe.examine(
        model, shuffled(), F.cross_entropy, progress=False, curve=False, blocks=[0]
    )
    probe.finish()
    assert first is not None
    assert again is not None
    assert isinstance(first.similarity, Similarities)
    assert first.similarity == again.similarity
    found = written(spool)
    assert [int(one.number(9)) for one in found] == [0, 1, 2] * 2
    for half in (found[:3], found[3:]):
        told = [pair for record in half for pair in pairs_in(record)]
        assert told == list(first.similarity)
    for record in found:
        assert record.number(2) == first.step
        assert record.number(4) == first.samples
        assert record.number(5) == 3
        assert record.number(6) == first.base_loss
        assert record.number(7) == first.base_error
        assert record.number(8) == 0.95
        assert 3 not in record.fields


def test_without_it_nothing_is_measured_and_losses_are_the_same(spool: pathlib.Path) -> None:
    model, probe = begun()
    without = probe.examine(
        model, shuffled(), F.cross_entropy, progress=False, curve=False, similarity=False
    )
    assert written(spool) == []
    found = probe.examine(model, shuffled(), F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert without is not None
    assert found is not None
    assert without.similarity is None
    assert (found.base_loss, found.base_error) == (without.base_loss, without.base_error)
    assert found.blocks == without.blocks


@pytest.mark.usefixtures("spool")
def test_without_a_loss_function_whole_batches_are_looked_at() -> None:
    torch.manual_seed(0)
    model = GPT(11, 8, 2, 2, 8, 0.1).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, strict=True)
    ids = torch.randint(0, 11, (6, 7))
    model(ids, ids)[1].backward()
    optimizer.step()

    def own_loss(network: nn.Module, batch: Any) -> Any:
        return {"loss": network(batch, batch)[1]}

    rows = probe.examine(model, [ids], forward=own_loss, progress=False, curve=False)
    whole = probe.examine(
        model, [ids], lambda output, idx: F.cross_entropy(output[0].flatten(0, 1), idx.flatten()),
        progress=False, curve=False,
    )  # fmt: skip
    probe.finish()
    assert rows is not None
    assert whole is not None
    assert rows.similarity is not None
    assert rows.similarity == whole.similarity
    assert all(pair.cka is not None for pair in rows.similarity)


@pytest.mark.usefixtures("spool")
def test_at_most_the_streams_of_one_stage_are_kept_and_none_after_the_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[weakref.ref[Tensor]] = []
    most: list[int] = []
    enter, end = spans.Spans.enter, watch.Watch.end

    def counted(self: Any, block: Any, stream: Tensor) -> None:
        enter(self, block, stream)
        kept.extend(weakref.ref(one.values) for one in self._streams[-1:])
        most.append(sum(one() is not None for one in kept))

    def ended(self: Any, spots: Any) -> None:
        assert not any(one() is not None for one in kept)
        end(self, spots)
        gc.collect()
        sizes = {one.numel() for one in gc.get_objects() if type(one) is Tensor}
        features.append(6 * 4 * 8 * 8 in sizes)

    features: list[bool] = []
    monkeypatch.setattr(spans.Spans, "enter", counted)
    monkeypatch.setattr(watch.Watch, "end", ended)
    torch.manual_seed(0)
    model = CifarResNet(20, "A", 4).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, strict=True)
    x, y = torch.randn(6, 3, 8, 8), torch.randint(0, 10, (6,))
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    optimizer.zero_grad()
    found = probe.examine(model, [(x, y)] * 2, F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    assert most == [1, 2, 3, 0, 1, 2, 0, 1, 2] * 2  # projections end a run
    assert features == [False, False]  # of no block's output is more left than numbers


@pytest.mark.usefixtures("spool")
def test_what_fails_leaves_similarity_out_and_the_examination_goes_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(cka, "_gram", fails)
    model, probe = begun()
    found = probe.examine(model, shuffled(), F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    assert len(found) == 3
    assert found.similarity is not None
    words = "similarity is left out: OutOfMemoryError: no room"
    assert found.similarity.left_out == (words,)
    assert len(found.similarity) == 0
    assert f"resnet-probe: examine: {words}" in capfd.readouterr().err


def test_an_interrupt_stops_it_between_two_batches(
    spool: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    end = watch.Watch.end

    def interrupts(self: Any, spots: Any) -> None:
        end(self, spots)
        seen.append(len(spots))
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(watch.Watch, "end", interrupts)
    model, probe = begun()
    assert probe.examine(model, shuffled(), F.cross_entropy, progress=False, curve=False) is None
    assert len(seen) == 2
    probe.finish()
    assert written(spool) == []


@pytest.mark.usefixtures("spool")
def test_similarity_prints_as_a_table() -> None:
    model, probe = begun()
    found = probe.examine(model, shuffled(), F.cross_entropy, progress=False, curve=False)
    probe.finish()
    assert found is not None
    assert found.similarity is not None
    lines = repr(found.similarity).splitlines()
    assert lines[0] == "3 blocks: 1 span, 6 pairs with CKA"
    assert lines[2].split("  ")[0] == "block"
    assert [line.split()[0] for line in lines[4:]] == ["layer1.0", "layer2.0", "layer3.0"]
    one = found.similarity.between(0, 0)
    assert one is not None
    assert f"{one.angular_distance.mean:.3g}" in lines[4].split()
