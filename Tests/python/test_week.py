"""A million steps at the default schedule: memory, descriptors, threads and spool stay as they are."""

import json
import os
import pathlib
import struct
import subprocess
import sys

from resnet_probe.schedule import Schedule

from journals import ATTEMPT_FINISHED, FRAME, METRICS, ROOT, Record, fields, payloads
from week import LOSS, Look

STEPS = 1_000_000
LIMIT = 24 << 20
"""Bytes: a segment takes 16 MiB, and the week about 50."""
SHORT = 200_000
"""Steps, of which the first 80,000 or so fill a spool of 4 MiB."""
GROWTH = 1 << 20
"""The most bytes that memory may grow by from a fifth of the steps to the last."""


def scheduled(steps: int) -> list[int]:
    """The steps that the default schedule measures."""
    return [step for step in range(steps) if Schedule.default.measures(step)]


def looks_at(
    kind: str, steps: int, spool: pathlib.Path, limit: int = LIMIT
) -> tuple[list[Look], str]:
    """What a process held at tenths of its training, and what it said."""
    path = [str(ROOT / "Sources" / "python"), str(ROOT / "Tests" / "python")]
    own = {
        "PYTHONPATH": os.pathsep.join(path),
        "RESNET_PROBE_SPOOL": str(spool),
        "RESNET_PROBE_SPOOL_LIMIT": str(limit),
        "OMP_NUM_THREADS": "1",
    }
    outcome = subprocess.run(
        [sys.executable, "-m", "week", kind, str(steps), spool],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return [Look(**one) for one in json.loads(outcome.stdout)], outcome.stderr


def check_flat(looks: list[Look]) -> None:
    """Nothing grows from a fifth of the training on."""
    assert [look.step for look in looks] == [looks[0].step * (n + 1) for n in range(10)]
    settled = looks[1]
    for look in looks[2:]:
        assert look.memory - settled.memory <= GROWTH, looks
        assert look.descriptors == settled.descriptors, looks
        assert look.threads == settled.threads, looks


def contents(paths: list[pathlib.Path]) -> tuple[list[Record], list[int], Record]:
    """The frames, the steps whose loss was logged beside them, and the end, in segments."""
    frames, losses, ends = [], [], []
    loss = bytes.fromhex("120f 0a04") + b"loss" + b"\x11" + struct.pack("<d", LOSS)
    for path in sorted(paths, key=lambda path: int(path.name.split(".")[1])):
        for payload in list(payloads(path.read_bytes()))[2:]:
            kind = payload[0] >> 3
            if kind == METRICS:  # a million of them
                assert payload.endswith(loss)
                assert payload[2] == 1 << 3
                digits = payload[3 : -len(loss)]
                losses.append(sum((digit & 0x7F) << 7 * n for n, digit in enumerate(digits)))
                continue
            (body,) = fields(payload)[kind]
            assert isinstance(body, bytes)
            assert kind in (FRAME, ATTEMPT_FINISHED)
            (frames if kind == FRAME else ends).append(Record(kind, fields(body)))
    (end,) = ends
    return frames, losses, end


def test_a_week_whose_segments_are_delivered(tmp_path: pathlib.Path) -> None:
    spool, kept = tmp_path / "spool", tmp_path / "kept"
    looks, _ = looks_at("delivered", STEPS, spool)
    check_flat(looks)
    assert all(look.spool <= LIMIT for look in looks), looks
    # What was delivered first had to go.
    gone = {path.name for path in kept.iterdir()} - {path.name for path in spool.rglob("*.rpj")}
    assert gone
    frames, losses, end = contents([*kept.iterdir(), *spool.glob("*.rpj")])
    assert [int(frame.number(1)) for frame in frames] == scheduled(STEPS)
    assert all(frame.number(3) == LOSS for frame in frames)
    assert all(frame.metrics() == {"loss": LOSS} for frame in frames)
    # A loss that was written before its step's frame came stands beside it too.
    assert losses == sorted(set(losses))
    assert set(range(STEPS)) - set(losses) <= set(scheduled(STEPS))
    assert [end.number(field) for field in (1, 3, 4)] == [0, STEPS - 1, 0]


def test_a_training_of_which_nothing_is_delivered(tmp_path: pathlib.Path) -> None:
    spool, limit = tmp_path / "spool", 4 << 20
    looks, said = looks_at("undelivered", SHORT, spool, limit)
    check_flat(looks)
    assert all(look.spool <= limit for look in looks), looks
    assert looks[-1].spool > limit - 4096
    frames, _, end = contents(list(spool.glob("*.rpj")))
    steps = [int(frame.number(1)) for frame in frames]
    planned = scheduled(SHORT)
    assert steps == planned[: len(steps)]
    assert 0 < len(steps) < len(planned)
    assert end.number(4) == len(planned) - len(steps)
    assert [line for line in said.splitlines() if "spool" in line] == [
        (
            "resnet-probe: the spool is at its limit and nothing in it is delivered: frames are"
            " dropped; raise RESNET_PROBE_SPOOL_LIMIT or start the daemon"
        )
    ]


def test_measuring_itself_keeps_nothing(tmp_path: pathlib.Path) -> None:
    looks, _ = looks_at("measured", 500, tmp_path / "spool")
    check_flat(looks)
