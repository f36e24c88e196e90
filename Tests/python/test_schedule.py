"""Which steps are measured: the cases of ScheduleTests.swift, and what an argument means."""

import pytest
from resnet_probe.schedule import Schedule, parse_schedule


def test_the_default_measures_0_1_2_5_every_tenth_to_500_then_every_fiftieth() -> None:
    measured = [step for step in range(701) if Schedule.default.measures(step)]
    assert measured == [0, 1, 2, 5, *range(10, 501, 10), 550, 600, 650, 700]


@pytest.mark.parametrize(
    ("planned", "spacing"), [(400, 1), (1_000, 2), (10_000, 20), (25_000, 50), (1_000_000, 50)]
)
def test_with_planned_steps_the_spacing_after_500_is_a_five_hundredth_of_them(
    planned: int, spacing: int
) -> None:
    measured = [s for s in range(501, 601) if Schedule.default.measures(s, planned_steps=planned)]
    assert measured == [s for s in range(501, 601) if s % spacing == 0]


def test_the_last_planned_step_is_measured() -> None:
    assert Schedule.default.measures(12_344, planned_steps=12_345)
    assert not Schedule.default.measures(12_344)
    assert Schedule.every(7).measures(99, planned_steps=100)
    assert not Schedule.every(7).measures(99)


def test_every_n_measures_its_multiples_and_n_below_1_is_1() -> None:
    assert [s for s in range(10) if Schedule.every(3).measures(s)] == [0, 3, 6, 9]
    assert [s for s in range(3) if Schedule.every(0).measures(s)] == [0, 1, 2]


def test_steps_below_zero_are_not_measured() -> None:
    assert not Schedule.default.measures(-10)
    assert not Schedule.every(1).measures(-1, planned_steps=0)
    assert not Schedule(rule=lambda _: True).measures(-1)


@pytest.mark.parametrize("every", [None, "default", Schedule.default])
def test_nothing_given_is_the_default(every: object) -> None:
    assert parse_schedule(every) == Schedule.default


@pytest.mark.parametrize("every", [3, "3", Schedule.every(3)])
def test_a_number_is_every_so_many_steps(every: object) -> None:
    assert parse_schedule(every) == Schedule.every(3)


def test_a_function_of_the_step_alone_decides() -> None:
    schedule = parse_schedule(lambda step: step in (3, 4))
    assert [s for s in range(10) if schedule.measures(s, planned_steps=10)] == [3, 4]


@pytest.mark.parametrize("every", [0, -5, True, 2.5, "often", "", "-3", "٣"])
def test_anything_else_is_refused_in_one_line(every: object) -> None:
    with pytest.raises(ValueError, match=r"^cannot measure every .*: give a number from 1[^\n]*$"):
        parse_schedule(every)
