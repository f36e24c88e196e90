"""Identities, the environment's word and the head of a journal."""

import os
import uuid

import pytest
from resnet_probe import ProbeError
from resnet_probe.environment import read_environment
from resnet_probe.journal.run import identity, open_run
from resnet_probe.journal.spool import DEFAULT_LIMIT, Spool, SpoolFolder
from resnet_probe.notices import Notices
from resnet_probe.release import VERSION
from resnet_probe.schedule import Schedule

DIGITS = "00112233445566778899aabbccddeeff"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def notices(said: list[str]) -> Notices:
    return Notices(write=said.append)


@pytest.mark.parametrize(
    "value", [DIGITS, DIGITS.upper(), uuid.UUID(DIGITS), str(uuid.UUID(DIGITS))]
)
def test_an_identity_is_a_uuid_or_32_digits(value: object) -> None:
    assert identity(value) == bytes.fromhex(DIGITS)


@pytest.mark.parametrize("value", ["", "none", DIGITS + "0", DIGITS[1:], "g" * 32, 7, None, b"x"])
def test_anything_else_is_no_identity(value: object) -> None:
    expected = r"^.* is no identity: give a uuid\.UUID or 32 hexadecimal digits$"
    with pytest.raises(ValueError, match=expected):
        identity(value)


def test_an_empty_environment_says_nothing(notices: Notices, said: list[str]) -> None:
    settings = read_environment({"RESNET_PROBE_MODE": "", "RESNET_PROBE_RUN": ""}, notices)
    assert settings.spool == Spool(None, DEFAULT_LIMIT)
    assert (settings.run_id, settings.run, settings.project) == (None, None, None)
    assert (settings.schedule, settings.is_on, settings.norms_only) == (None, True, False)
    assert said == []


def test_the_environment_names_run_spool_schedule_mode_and_detail(notices: Notices) -> None:
    settings = read_environment(
        {
            "RESNET_PROBE_RUN_ID": DIGITS,
            "RESNET_PROBE_RUN": "label",
            "RESNET_PROBE_PROJECT": "lab",
            "RESNET_PROBE_SPOOL": "/own",
            "RESNET_PROBE_SPOOL_LIMIT": "4096",
            "RESNET_PROBE_EVERY": "25",
            "RESNET_PROBE_MODE": "disabled",
            "RESNET_PROBE_DETAIL": "norms",
        },
        notices,
    )
    assert settings.spool == Spool("/own", 4096)
    assert settings.run_id == bytes.fromhex(DIGITS)
    assert (settings.run, settings.project) == ("label", "lab")
    assert settings.schedule == Schedule.every(25)
    assert (settings.is_on, settings.norms_only) == (False, True)


def test_each_wrong_value_is_one_notice_and_counts_as_not_given(
    notices: Notices, said: list[str]
) -> None:
    variables = {
        "RESNET_PROBE_RUN_ID": "none",
        "RESNET_PROBE_SPOOL_LIMIT": "lots",
        "RESNET_PROBE_EVERY": "often",
        "RESNET_PROBE_MODE": "off",
        "RESNET_PROBE_DETAIL": "all",
    }
    for _ in range(2):
        assert read_environment(variables, notices) == read_environment({}, notices)
    assert sorted(said) == [
        f"resnet-probe: {name} is {text!r} and was passed over; set it to {expected}"
        for name, text, expected in (
            ("RESNET_PROBE_DETAIL", "all", '"full" or "norms"'),
            ("RESNET_PROBE_EVERY", "often", 'a number of steps from 1, or "default"'),
            ("RESNET_PROBE_MODE", "off", '"on" or "disabled"'),
            ("RESNET_PROBE_RUN_ID", "none", "32 hexadecimal digits"),
            ("RESNET_PROBE_SPOOL_LIMIT", "lots", "a number of bytes"),
        )
    ]


def test_a_strict_environment_raises() -> None:
    with pytest.raises(ProbeError, match=r"^RESNET_PROBE_MODE is 'off'"):
        read_environment({"RESNET_PROBE_MODE": "off"}, Notices(strict=True))


def test_the_environment_names_the_spool() -> None:
    home = {"HOME": "/h"}
    assert Spool.named(home).path == "/h/.local/state/resnet-probe/spool"
    assert Spool.named(home | {"XDG_STATE_HOME": "/s"}).path == "/s/resnet-probe/spool"
    relative = home | {"XDG_STATE_HOME": "relative"}
    assert Spool.named(relative).path == "/h/.local/state/resnet-probe/spool"
    assert Spool.named(home | {"RESNET_PROBE_SPOOL": "/own"}).path == "/own"
    with pytest.raises(ProbeError) as raised:
        SpoolFolder(Spool.named({}))
    assert str(raised.value) == (
        "cannot open the spool in the home folder: neither RESNET_PROBE_SPOOL, XDG_STATE_HOME nor"
        " HOME is set; set RESNET_PROBE_SPOOL to a folder of your own"
    )
    assert Spool.named({"RESNET_PROBE_SPOOL_LIMIT": "-4"}).limit == 0
    assert Spool.named({"RESNET_PROBE_SPOOL_LIMIT": "4e9"}).limit == DEFAULT_LIMIT


def test_a_run_opens_with_random_identities_and_says_what_records(notices: Notices) -> None:
    first, second = (open_run("r", notices, config={"lr": 0.1}) for _ in range(2))
    assert len({first.run, first.attempt, second.run, second.attempt}) == 4
    assert first.recorder.startswith("torch 2.")
    assert first.recorder.endswith(f"; resnet-probe {VERSION}")
    assert first.config == {"lr": "0.1"}
    assert first.host


def test_what_no_journal_can_carry_is_cut_with_one_notice_each(
    notices: Notices, said: list[str]
) -> None:
    opened = open_run(
        "n" * 511 + "é",
        notices,
        project="p" * 600,
        first_step=-1,
        planned_steps=1 << 60,
        rank=2,
        world_size=2,
        config={str(number): "" for number in range(1025)},
    )
    assert (opened.name, opened.project) == ("n" * 511, "p" * 512)
    assert (opened.first_step, opened.planned_steps) == (0, None)
    assert (opened.rank, opened.world_size) == (0, 1)
    assert len(opened.config) == 1024
    assert [line.partition(";")[0] for line in said] == [
        "resnet-probe: rank 2 of 2 cannot be",
        "resnet-probe: a first step of -1 cannot be",
        f"resnet-probe: {1 << 60} planned steps cannot be",
        "resnet-probe: of the configuration 0 entries were shortened and 1 left out",
        "resnet-probe: the run's name is over 512 bytes and was cut",
        "resnet-probe: the run's project is over 512 bytes and was cut",
    ]


def test_a_notice_is_one_line_once_a_cause(notices: Notices, said: list[str]) -> None:
    notices.say("a", "first\nline")
    notices.say("a", "again")
    notices.say("b", "other")
    assert said == ["resnet-probe: first line", "resnet-probe: other"]


def test_a_notice_survives_a_closed_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _line: bytes) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "write", refuse)
    Notices().say("a", "unheard")
