"""Blocks removed along orders, against removals by hand; stopped and killed on the way."""

import contextlib
import itertools
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Collection
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.examining.curve import Curve, CurvePoint
from resnet_probe.examining.examination import Examination
from resnet_probe.examining.greedy import Change, Greedy
from resnet_probe.examining.orders import fixed_orders, sets_along
from resnet_probe.journal.head_wire import ExaminationHead
from resnet_probe.journal.removal_order_wire import (
    REMOVAL_ORDER,
    RemovalOrder,
    read_removal_order,
    removal_order_record,
)
from torch import Tensor, nn

from journals import ROOT, fields, payloads
from networks.cifar_resnet import CifarResNet
from test_examine_resumed import ID, Loss, interrupt, nothing, recorded, said

BLOCKS = 6
"""Of the network that most tests here look at."""


def headed_orders(spool: pathlib.Path) -> list[tuple[ExaminationHead, RemovalOrder]]:
    """The orders of all journals, delivered or not, as they were written."""
    return [
        read_removal_order(body)
        for path in sorted([*spool.glob("*.rpj"), *spool.glob("delivered/*.rpj")])
        for payload in payloads(path.read_bytes())
        for body in fields(payload).get(REMOVAL_ORDER, [])
        if isinstance(body, bytes)
    ]


def orders_in(spool: pathlib.Path) -> list[RemovalOrder]:
    return [order for _, order in headed_orders(spool)]


def whole_orders(written: list[RemovalOrder]) -> dict[tuple[str, int], list[int]]:
    """The orders that their parts make; each part goes on where those before it end."""
    found: dict[tuple[str, int], list[int]] = {}
    for one in written:
        order = found.setdefault((one.strategy, one.number), [])
        assert one.place == len(order)
        order += one.ordinals
    return found


class Towers(nn.Module):
    """Residual blocks of two linear layers on a stream of a few numbers."""

    def __init__(self, blocks: int, width: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor, gone: Collection[int] = ()) -> Tensor:
        """N x width to N x 5, without some blocks."""
        for place, block in enumerate(self.blocks):
            x = x if place in gone else x + block(x)
        return self.head(x)


def residual(net: Any, x: Tensor, gone: Collection[int]) -> Tensor:
    x = F.relu(net.bn1(net.conv1(x)))
    for place, one in enumerate([*net.layer1, *net.layer2, *net.layer3]):
        branch = one.bn2(one.conv2(F.relu(one.bn1(one.conv1(x)))))
        x = F.relu(one.shortcut(x) + (0 if place in gone else branch))
    return net.linear(F.avg_pool2d(x, x.shape[-1]).flatten(1))


def images(samples: int = 12) -> list[tuple[Tensor, Tensor]]:
    own = torch.Generator().manual_seed(4)
    x = torch.randn(samples, 3, 8, 8, generator=own)
    y = torch.randint(0, 10, (samples,), generator=own)
    return list(zip(x.split(4), y.split(4), strict=True))


def attached(model: nn.Module, x: Tensor, y: Tensor, id: str = ID) -> resnet_probe.Probe:
    """A probe of a network after one step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    probe = resnet_probe.attach(model, optimizer, id=id, step=7, strict=True)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    return probe


def begun(id: str = ID) -> tuple[nn.Module, resnet_probe.Probe]:
    torch.manual_seed(1)
    model = CifarResNet(14, "A", 4).train()
    return model, attached(model, torch.randn(8, 3, 8, 8), torch.randint(0, 10, (8,)), id)


def examined(loss: Any, id: str = ID, **options: Any) -> Examination:
    """What a process that goes on with the run finds."""
    model, probe = begun(id)
    found = probe.examine(model, images(), loss, **({"progress": False} | options))
    probe.finish()
    assert found is not None
    return found


def recorded_in_spool() -> int:
    """How many sets have been measured by all processes."""
    return len({one.ordinals for one in recorded(pathlib.Path(os.environ["RESNET_PROBE_SPOOL"]))})


def towers(blocks: int) -> tuple[nn.Module, list[tuple[Tensor, Tensor]], resnet_probe.Probe]:
    """A small network after one step, three batches and its probe."""
    torch.manual_seed(1)
    model = Towers(blocks)
    x, y = torch.randn(12, 8), torch.randint(0, 5, (12,))
    probe = attached(model, x, y)
    return model, list(zip(x.split(4), y.split(4), strict=True)), probe


def curve_of(found: Examination | None) -> Curve:
    assert found is not None
    assert found.curve is not None
    return found.curve


def on_even(changes: Tensor) -> Change:
    """The mean over samples 0, 2, 4 … and its upper bound of 95 %."""
    even = changes[::2]
    mean = float(even.mean())
    return Change(mean, mean + 1.645 * float(even.std()) / math.sqrt(even.numel()))


@pytest.mark.parametrize(
    ("make", "without", "shape"),
    [
        (lambda: CifarResNet(20, "A", 4), residual, (3, 8, 8)),
        (lambda: Towers(14), lambda net, x, gone: net(x, gone), (8,)),
    ],
    ids=["CifarResNet", "Towers"],
)
def test_each_point_is_the_loss_with_those_branches_zeroed(
    make: Callable[[], nn.Module], without: Any, shape: tuple[int, ...], spool: pathlib.Path
) -> None:
    torch.manual_seed(2)
    model = make().double().train()
    x, y = torch.randn(11, *shape, dtype=torch.float64), torch.randint(0, 5, (11,))
    probe = attached(model, x, y)
    batches = [(x[:8], y[:8]), (x[8:], y[8:])]
    found = probe.examine(model, batches, F.cross_entropy, progress=False)
    curve = curve_of(found)
    model.eval()
    with torch.no_grad():
        base = F.cross_entropy(without(model, x, ()), y, reduction="none")
        wrong = without(model, x, ()).argmax(1) != y

        def changes(gone: Collection[int]) -> Tensor:
            return F.cross_entropy(without(model, x, gone), y, reduction="none") - base

        blocks = len(model.blocks) if isinstance(model, Towers) else 9  # type: ignore[arg-type]
        greedy = Greedy(range(blocks))
        while not greedy.is_whole:
            greedy.take({one: on_even(changes(one)) for one in greedy.wanted()})
        assert [order.strategy for order in curve] == ["greedy", "deepest_first", *["random"] * 3]
        assert curve.orders[0].ordinals == tuple(greedy.order)
        assert {(o.strategy, o.number): o.ordinals for o in curve.orders[1:]} == fixed_orders(
            range(blocks)
        )
        for order in curve:
            counts = [len(one) for one in sets_along(order.ordinals)]
            whole = list(range(1, blocks + 1))
            assert [p.dropped for p in order.points] == (
                whole if order.strategy == "greedy" else counts
            )
            for point in order.points:
                gone = order.ordinals[: point.dropped]
                assert point.ordinals == gone
                change = changes(gone)
                assert point.loss_change == pytest.approx(float(change.mean()), rel=1e-9)
                assert point.even == pytest.approx(float(change[::2].mean()), rel=1e-9)
                assert point.odd == pytest.approx(float(change[1::2].mean()), rel=1e-9)
                moved = (without(model, x, gone).argmax(1) != y).double() - wrong.double()
                assert point.error_change == pytest.approx(float(moved.mean()), abs=1e-12)
    assert whole_orders(orders_in(spool)) == {
        (order.strategy, order.number): list(order.ordinals) for order in curve
    }
    sets = [one.ordinals for one in recorded(spool)]
    assert len(sets) == len(set(sets))
    planned = [one.planned for one in recorded(spool)]
    assert planned == sorted(planned)
    assert planned[-1] == len(sets)
    probe.finish()


class Weighed(nn.Module):
    """Block k adds one to number k of the stream, so that each sample misses it by its own weight."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(blocks, blocks) for _ in range(blocks))
        with torch.no_grad():
            for place, block in enumerate(self.blocks):
                block.weight.zero_()
                block.bias.copy_(torch.eye(blocks)[place])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


def weighed(output: Tensor, target: Tensor) -> Tensor:
    return 10 - (output * target).sum(1)


def weighed_probe(blocks: int) -> tuple[nn.Module, resnet_probe.Probe]:
    torch.manual_seed(0)
    model = Weighed(blocks)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    probe = resnet_probe.attach(model, optimizer, strict=True, id=ID, step=7)
    model(torch.randn(4, blocks)).sum().backward()
    optimizer.step()
    return model, probe


@pytest.mark.usefixtures("spool")
def test_the_order_is_chosen_by_the_even_samples_and_judged_by_the_odd_ones() -> None:
    model, probe = weighed_probe(4)
    even, odd = torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([4.0, 3.0, 2.0, 1.0])
    target = torch.stack([even, odd] * 10)
    found = probe.examine(model, [(torch.zeros(20, 4), target)], weighed, progress=False)
    greedy = curve_of(found).greedy
    assert greedy is not None
    assert greedy.ordinals == (0, 1, 2, 3)  # all samples, and the odd ones, say 3, 2, 1, 0
    for point in greedy.points:
        assert point.even == pytest.approx(float(even[: point.dropped].sum()), rel=1e-5)
        assert point.odd == pytest.approx(float(odd[: point.dropped].sum()), rel=1e-5)
        assert point.upper is not None
        assert point.loss_change is not None
        above = point.upper - point.loss_change
        assert above > 0
        assert point.held_out_upper == pytest.approx(point.odd + math.sqrt(2) * above, rel=1e-12)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_what_is_not_finite_goes_last_and_is_counted() -> None:
    model, probe = weighed_probe(4)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return torch.where(output[:, 1] > 0, weighed(output, target), torch.inf)

    target = torch.tensor([[0.3, 0.1, 0.2, 0.4]] * 6)
    found = probe.examine(model, [(torch.zeros(6, 4), target)], loss, progress=False)
    curve = curve_of(found)
    greedy = curve.of("greedy")[0]
    assert greedy.ordinals == (2, 0, 3, 1)
    assert [point.non_finite for point in greedy.points] == [0, 0, 0, 6]
    last = greedy.points[-1]
    assert (last.loss_change, last.upper, last.odd, last.held_out_upper) == (None,) * 4
    assert "not finite" in repr(curve).splitlines()[-1]
    probe.finish()


def test_after_kill_9_it_goes_on_and_is_as_one_that_was_not_killed(
    spool: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_PROBE_SPOOL", str(tmp_path / "whole"))
    calls = Loss(0, nothing)
    whole = examined(calls)
    expected = {one.ordinals: one for one in recorded(tmp_path / "whole")}
    orders = whole_orders(orders_in(tmp_path / "whole"))
    monkeypatch.setenv("RESNET_PROBE_SPOOL", str(spool))
    # In the middle of the greedy order, then of those at random; the imports take longest, and once.
    code = f"""
        import os, signal
        from test_examine_curve import Loss, examined, recorded_in_spool
        for call in ({4 + 3 * (BLOCKS + 5)}, {4 + 3 * 9}):
            child = os.fork()
            if child == 0:
                examined(Loss(call, lambda: os.kill(os.getpid(), signal.SIGKILL)))
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), recorded_in_spool())
    """
    path = os.pathsep.join([str(ROOT / "Tests" / "python"), str(ROOT / "Sources" / "python")])
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=120, capture_output=True,
        text=True, env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    measured = [BLOCKS + 4, BLOCKS + 4 + 8]
    assert ended.stdout.splitlines() == [f"{-signal.SIGKILL} {count}" for count in measured]
    killed = set(spool.glob("*.rpj"))
    greedy = [one.ordinals[0] for one in orders_in(spool) if one.strategy == "greedy"]
    assert len(greedy) > 1
    rest = Loss(0, nothing)
    found = examined(rest)
    assert found == whole
    assert rest.calls == 4 + 3 * (len(expected) - measured[-1])
    # The last attempt's examination is whole by itself, its orders too.
    for one in killed:
        one.unlink()
    own = {one.ordinals: one for one in recorded(spool)}
    assert own.keys() == expected.keys()
    for ordinals, one in own.items():
        one.wall_time = expected[ordinals].wall_time
        one.planned = expected[ordinals].planned
    assert own == expected
    assert whole_orders(orders_in(spool)) == orders
    assert calls.calls == 4 + 3 * len(expected)


def test_the_time_given_ends_it_anywhere_and_what_is_left_is_said(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, batches, probe = towers(4)
    left: list[int] = []
    found = None
    while found is None or found.remaining:
        found = probe.examine(model, batches, F.cross_entropy, seconds=1e-6)
        assert found is not None
        left.append(found.remaining)
        (head,) = re.findall(r"examine: (4 blocks.*)", lines := said(capfd))
        if found.remaining:
            of = "about " if found.remaining > 1 or "about" in lines else ""
            words = f"stopped with {len(left)} measured; {of}{found.remaining} are left"
            assert words in lines
            assert f"! {found.remaining} not measured yet: the same call goes on" in repr(found)
        before = {1: "", 5: ", all of them measured before,"}.get(len(left))
        if before is not None:
            assert re.match(
                rf"4 blocks{before} and about \d+ sets of them × 3 batches, about \d", head
            )
    assert all(before > after for before, after in itertools.pairwise(left))
    assert left[0] >= len(left) - 1
    assert len(recorded(spool)) == len(left)
    assert probe.examine(model, batches, F.cross_entropy) == found
    assert "4 blocks, all of them measured before\n" in said(capfd)
    probe.finish()


def test_an_interrupt_within_the_curve_keeps_what_was_measured(spool: pathlib.Path) -> None:
    model, probe = begun()
    # Three batches untouched, one again, three for each set; within the third after the blocks.
    found = probe.examine(
        model, images(), Loss(4 + 3 * (BLOCKS + 2) + 2, interrupt), progress=False
    )
    assert found is not None
    assert len(recorded(spool)) == BLOCKS + 2
    assert found.remaining > 10
    assert len(found) >= BLOCKS
    greedy = curve_of(found).greedy
    assert greedy is not None
    assert [point.dropped for point in greedy.points] == [1]
    probe.finish()


def test_other_blocks_have_orders_of_their_own(spool: pathlib.Path) -> None:
    model, batches, probe = towers(BLOCKS)
    one = probe.examine(model, batches, F.cross_entropy, blocks=[2], progress=False)
    assert one is not None
    assert one.curve is None
    few = probe.examine(model, batches, F.cross_entropy, blocks=[1, 3, 4], progress=False)
    every = probe.examine(model, batches, F.cross_entropy, progress=False)
    assert curve_of(few).orders[1].ordinals == (4, 3, 1)
    assert curve_of(every).orders[1].ordinals == (5, 4, 3, 2, 1, 0)
    loss = Loss(0, nothing)
    for blocks, before in (([1, 3, 4], few), (None, every)):
        again = probe.examine(model, batches, F.cross_entropy, blocks=blocks, progress=False)
        assert again == before
    whole = probe.examine(model, batches, loss, curve=False, progress=False)
    assert whole is not None
    assert whole.curve is None
    identities = {head.examination for head, _ in headed_orders(spool)}
    assert len(identities) == 2
    for identity in identities:
        written = [one for head, one in headed_orders(spool) if head.examination == identity]
        assert len(set(map(frozenset, whole_orders(written).values()))) == 1
        assert {(one,) for one in written[0].ordinals} <= {
            one.ordinals for one in recorded(spool) if one.examination == identity
        }
    probe.finish()


class Fragile(nn.Module):
    """Raises without its third block, and maybe where the first two have changed nothing."""

    def __init__(self, has_pair: bool) -> None:
        super().__init__()
        self.has_pair = has_pair
        self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(5))
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        given = x = x.flatten(1)[:, :8]
        for place, block in enumerate(self.blocks):
            before = x
            x = x + block(x)
            is_same = self.has_pair and place == 1 and torch.equal(x, given)
            if is_same or (place == 2 and torch.equal(x, before)):
                raise ValueError("nothing happened")
        return self.head(x)


@pytest.mark.parametrize("has_pair", [False, True])
def test_what_cannot_be_removed_is_out_of_the_orders_and_not_awaited(
    has_pair: bool, spool: pathlib.Path
) -> None:
    torch.manual_seed(5)
    model = Fragile(has_pair)
    x, y = images()[0]
    probe = attached(model, x, y)
    found = probe.examine(model, images(), F.cross_entropy, progress=False)
    curve = curve_of(found)
    assert found is not None
    assert found.left_out[0] == "blocks.2 is left out: nothing happened"
    assert {frozenset(order.ordinals) for order in curve} == {frozenset({0, 1, 3, 4})}
    assert found.remaining == 0
    for order in curve:
        for point in order.points:
            assert not has_pair or not {0, 1} <= set(point.ordinals)
    assert curve.orders[1].ordinals == (4, 3, 1, 0)
    assert [p.dropped for p in curve.orders[1].points] == ([1, 2, 3] if has_pair else [1, 2, 3, 4])
    again = probe.examine(model, images(), F.cross_entropy, progress=False)
    assert again == found
    # The examination without what is impossible is whole.
    last = recorded(spool)[-1].examination
    own = [one for one in recorded(spool) if one.examination == last]
    assert own[-1].planned == len(own)
    written = [one for head, one in headed_orders(spool) if head.examination == last]
    assert whole_orders(written) == {
        (order.strategy, order.number): list(order.ordinals) for order in curve
    }
    probe.finish()


def test_the_table_lists_what_was_proposed_and_the_curve_by_counts(spool: pathlib.Path) -> None:
    model, probe = weighed_probe(14)
    target = torch.full((4, 14), 1e-6)
    target[:, 5:8] = 1.0
    batches = [(torch.zeros(4, 14), target)]
    found = probe.examine(model, batches, weighed, progress=False, similarity=False)
    assert found is not None
    cheap = tuple(one for one in range(14) if not 5 <= one < 8)
    assert [one.ordinals for one in found if len(one.ordinals) > 1] == [cheap]
    table = repr(found)
    assert len(recorded(spool)) > 60
    assert re.search(r"^blocks\.0 \+ 9 more \+ blocks\.13  ", table, re.MULTILINE)
    first, _, curve = table.partition("\nblocks dropped")
    assert len(first.splitlines()) == 4 + 14 + 1
    assert [line.split()[0] for line in curve.splitlines()[2:]] == [
        str(count) for count in (1, 2, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14)
    ]
    assert re.fullmatch(r" +greedy +deepest first +random mean", curve.splitlines()[0])
    # Spans of little angle are proposed too, where similarity is measured.
    more = probe.examine(model, batches, weighed, progress=False)
    assert more is not None
    assert more.similarity is not None
    angles = {
        (pair.first, pair.last): pair.angular_distance.mean
        for pair in more.similarity if pair.angular_distance.n
    }  # fmt: skip
    spans = [one.ordinals for one in more if len(one.ordinals) > 1][:-1]
    assert [len(one) for one in spans] == [2, 4, 8]
    for span in spans:
        angle = angles[span[0], span[-1]]
        assert angle == min(angles[i, j] for i, j in angles if j - i == span[-1] - span[0])
    probe.finish()


def test_an_order_is_read_back_from_its_bytes() -> None:
    head = ExaminationHead(bytes(range(16)), 300, 500, 137, 0.25, 0.125, 0.95)
    order = RemovalOrder("random", 2, 3, (300, 0, 7))
    bare = ExaminationHead(bytes(16), 0, 2, 1, 0.0, None, 0.9), RemovalOrder("greedy", 0, 0, (4,))
    for one in ((head, order), bare):
        body = fields(removal_order_record(*one))[REMOVAL_ORDER][0]
        assert isinstance(body, bytes)
        assert read_removal_order(body) == one
    body = fields(removal_order_record(head, order))[REMOVAL_ORDER][0]
    assert isinstance(body, bytes)
    assert fields(body) == {
        1: [bytes(range(16))], 2: [300], 4: [500], 5: [137], 6: [0.25], 7: [0.125], 8: [0.95],
        9: [2], 10: [2], 11: [3], 12: [b"\xac\x02\x00\x07"],
    }  # fmt: skip
    for end in range(len(body)):
        with contextlib.suppress(ValueError):  # and nothing else
            read_removal_order(body[:end])


def test_the_bound_held_out_is_none_where_a_loss_was_not_finite() -> None:
    known = CurvePoint(1, (0,), 0.2, 0.1, 0.5, 0.1, 0.3, None, None, None, 0)
    assert known.held_out_upper == pytest.approx(0.3 + math.sqrt(2) * 0.3)
    assert (
        CurvePoint(1, (0,), 0.2, None, None, None, None, None, None, None, 3).held_out_upper is None
    )
