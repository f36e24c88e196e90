"""Which sets of blocks are removed: fixed orders, the greedy one, proposals; by losses that are known."""

import itertools
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from resnet_probe.blocks import Block, BlockMap
from resnet_probe.examining.greedy import CANDIDATES, Change, Greedy
from resnet_probe.examining.orders import (
    RANDOM_ORDERS,
    counts,
    fixed_orders,
    sets_along,
    without_first,
)
from resnet_probe.examining.proposals import (
    each_tolerated,
    least_distant,
    near_identity,
    tolerance,
)

from journals import ROOT

Cost = Callable[[tuple[int, ...]], float]


def sure(cost: float) -> Change:
    """A change that has no spread."""
    return Change(cost, cost)


def driven(greedy: Greedy, cost: Cost) -> list[list[tuple[int, ...]]]:
    """Takes all blocks out; the sets that were measured at each place."""
    asked, known = [], {}
    while not greedy.is_whole:
        wanted = greedy.wanted()
        asked.append([one for one in wanted if one not in known])
        known.update({one: sure(cost(one)) for one in wanted})
        greedy.take(known)
    return asked


def test_few_blocks_are_counted_one_by_one_and_many_at_even_distances() -> None:
    assert counts(1) == [1]
    assert counts(12) == list(range(1, 13))
    assert counts(13) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert counts(27) == [1, 2, 5, 7, 9, 11, 13, 14, 16, 18, 20, 23, 25, 27]
    for blocks in range(1, 400):
        found = counts(blocks)
        assert found == sorted(set(found))
        assert {1, blocks, max(1, blocks // 2)} <= set(found)
        assert len(found) <= 14
        steps = [after - before for before, after in itertools.pairwise(found)]
        assert max(steps, default=1) <= math.ceil(blocks / 12)


def test_the_fixed_orders_hold_each_block_once() -> None:
    blocks = [9, 2, 4, 7, 30, 31]
    orders = fixed_orders(blocks)
    assert list(orders) == [("deepest_first", 0), *[("random", n) for n in range(RANDOM_ORDERS)]]
    assert orders["deepest_first", 0] == (31, 30, 9, 7, 4, 2)
    assert all(sorted(order) == sorted(blocks) for order in orders.values())
    assert len(set(orders.values())) == len(orders)
    fewer = fixed_orders([4, 30, 2])
    for key, order in orders.items():
        assert fewer[key] == tuple(one for one in order if one in (4, 30, 2))
    assert sets_along((5, 1, 3)) == [(5,), (1, 5), (1, 3, 5)]
    assert without_first((5, 1, 3), 2) == (1, 5)


def test_random_orders_are_the_same_in_every_process_and_no_order_of_depth() -> None:
    code = (
        "from resnet_probe.examining.orders import fixed_orders\n"
        "print(list(fixed_orders(range(40)).items()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "Sources/python"), "PYTHONHASHSEED": "1"},
    ).stdout.strip()  # fmt: skip
    assert found == str(list(fixed_orders(range(40)).items()))
    for number in range(RANDOM_ORDERS):
        order = fixed_orders(range(200))["random", number]
        mean = sum(place * one for place, one in enumerate(order)) / 200
        spread = 200 * 200 / 12 / math.sqrt(200)
        assert abs(mean - 99.5**2) < 4 * spread


def test_of_costs_that_add_up_the_least_goes_first() -> None:
    own = random.Random(3)
    costs = {one: own.uniform(0, 1) for one in range(20)}
    greedy = Greedy(costs)
    asked = driven(greedy, lambda gone: sum(costs[one] for one in gone))
    assert greedy.order == sorted(costs, key=costs.__getitem__)
    assert [len(one) for one in asked] == [20] + 9 * [CANDIDATES] + 10 * [1]
    assert all(len(one) == place + 1 for place, sets in enumerate(asked) for one in sets)


def test_blocks_that_stand_in_for_each_other_do_not_go_together() -> None:
    costs = {0: 0.0, 1: 0.001, 2: 0.1, 3: 0.2, 4: 0.3, 5: 0.4, 6: 0.5, 7: 0.6}

    def cost(gone: tuple[int, ...]) -> float:
        both = 5.0 if {0, 1} <= set(gone) else 0.0
        return sum(costs[one] for one in gone) + both

    greedy = Greedy(costs)
    driven(greedy, cost)
    by_itself = sorted(costs, key=costs.__getitem__)
    assert by_itself[:2] == [0, 1]
    assert greedy.order == [0, 2, 3, 4, 5, 6, 7, 1]
    assert cost(without_first(by_itself, 4)) > 5
    assert cost(without_first(greedy.order, 4)) == pytest.approx(0.6)


def test_blocks_that_go_better_together_are_found_once_one_is_tried() -> None:
    def cost(gone: tuple[int, ...]) -> float:
        apart = ({1, 2} & set(gone)) != {1, 2} and {1, 2} & set(gone)
        return 0.1 * len(gone) + (0.15 if apart else 0.0)

    greedy = Greedy(range(6))
    driven(greedy, cost)
    assert greedy.order[:3] == [0, 3, 4]  # alone each of the pair costs more
    assert sorted(greedy.order[3:]) == [1, 2, 5]


def test_a_dead_block_goes_before_a_lucky_one_and_a_sure_one_before_one_that_varies() -> None:
    alone = {
        0: Change(-0.02, 0.03), 1: Change(0.001, 0.002), 2: Change(0.0, 0.0), 3: Change(-0.01, -0.001),
        4: Change(0.5, 0.6),
    }  # fmt: skip

    def change(gone: tuple[int, ...]) -> Change:
        return Change(sum(alone[one].mean for one in gone), sum(alone[one].upper for one in gone))

    greedy, known = Greedy(alone), {}
    while not greedy.is_whole:
        known.update({one: change(one) for one in greedy.wanted()})
        greedy.take(known)
    assert greedy.order == [2, 3, 1, 0, 4]


def test_equal_costs_go_in_the_order_of_the_network() -> None:
    first, second = Greedy([4, 1, 3, 0, 2]), Greedy(range(5))
    driven(first, lambda _: 0.0)
    driven(second, lambda _: 0.0)
    assert first.order == second.order == [0, 1, 2, 3, 4]


def test_what_is_not_finite_goes_last() -> None:
    def cost(gone: tuple[int, ...]) -> float:
        return math.inf if 2 in gone else float(sum(gone))

    greedy = Greedy(range(6))
    driven(greedy, cost)
    assert greedy.order == [0, 1, 3, 4, 5, 2]
    endless = Greedy(range(4))
    driven(endless, lambda _: math.inf)
    assert endless.order == [0, 1, 2, 3]
    # Where the loss is finite again, that goes first.
    again = Greedy(range(4))
    driven(again, lambda gone: 0.0 if len(gone) > 1 and 3 in gone else math.inf)
    assert again.order == [0, 3, 1, 2]


def test_what_was_decided_before_goes_whatever_is_measured_now() -> None:
    costs = {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4, 4: 9.0}

    def cost(gone: tuple[int, ...]) -> float:
        return sum(costs[one] for one in gone)

    greedy = Greedy(costs)
    assert greedy.wanted(4) == [(0,), (1,), (2,), (3,), (4,)]
    greedy.take({one: sure(cost(one)) for one in greedy.wanted(4)}, 4)
    assert greedy.wanted(3) == [(0, 4), (1, 4), (2, 4), (3, 4)]
    greedy.take({one: sure(cost(one)) for one in greedy.wanted(3)}, 3)
    assert (greedy.order, list(greedy.remaining)) == ([4, 3], [0, 1, 2])


@pytest.mark.parametrize("blocks", [2, 3, 4, 9, 27])
def test_how_many_sets_are_left_is_known_at_every_place(blocks: int) -> None:
    own = random.Random(blocks)
    costs = {one: own.random() for one in range(blocks)}
    greedy, left = Greedy(costs), []
    counted = Greedy(costs)
    while not counted.is_whole:
        left.append(counted.sets_left())
        counted.take({one: sure(sum(costs[two] for two in one)) for one in counted.wanted()})
    assert counted.sets_left() == 0
    asked = driven(greedy, lambda gone: sum(costs[one] for one in gone))
    several = [sum(len(one) > 1 for one in sets) for sets in asked]
    assert left == [sum(several[place:]) for place in range(blocks)]


def test_the_tolerated_rise_follows_from_the_loss_and_from_what_it_counts() -> None:
    assert tolerance(0.1, counts_errors=True) == 0.01
    assert tolerance(2.0, counts_errors=True) == 0.04
    assert tolerance(0.1, counts_errors=False) == pytest.approx(0.002)
    assert tolerance(-3.0, counts_errors=False) == pytest.approx(0.06)


def test_sets_are_proposed_of_two_blocks_or_more() -> None:
    assert near_identity({0: 0.049, 1: 0.05, 2: 0.0}) == [(0, 2)]
    assert near_identity({0: 0.049, 1: 0.05}) == []
    uppers = {3: 0.01, 1: 0.009, 2: None, 0: 0.011}
    assert each_tolerated(uppers, 0.01) == [(1, 3)]
    assert each_tolerated({1: 0.0}, 0.01) == []


def test_of_each_stage_the_spans_that_turn_the_stream_least_are_proposed() -> None:
    blocks = BlockMap(
        Block(ordinal, str(ordinal), stage=int(ordinal >= 6)) for ordinal in range(11)
    )
    spans = {
        (first, last): 1.0 + 0.01 * first
        for first in range(11) for last in range(first, 11)
        if (first < 6) == (last < 6)
    }  # fmt: skip
    spans[3, 4] = spans[7, 10] = 0.5
    every = range(11)
    assert least_distant(spans, blocks, every) == [(3, 4), (0, 1, 2, 3), (6, 7), (7, 8, 9, 10)]
    # A block that cannot be removed is in none.
    assert least_distant(spans, blocks, set(every) - {3, 7}) == [(0, 1), (8, 9)]
    assert least_distant({}, blocks, every) == []
