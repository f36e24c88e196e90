"""Programs that a test starts beside itself, and the command that reads what they leave."""

import os
import pathlib
import subprocess
import sys

import pytest

from journals import ROOT

PREAMBLE = """
import signal
import sys
signal.alarm(60)  # so that nothing is waited for that never comes
from journals import residual_blocks
from resnet_probe.journal.frame import BlockStatistics, Frame, LogDistribution, Moments
from resnet_probe.notices import Notices
from resnet_probe.journal.recording import Recording
from resnet_probe.journal.run import RunOpened
from resnet_probe.journal.spool import Spool

def recording_in(path, **options):
    opened = RunOpened(bytes(range(16)), bytes(range(16)), "test", started_at=1.75e9)
    return Recording(opened, residual_blocks(2), Spool(path), Notices(), **options)

def frame(step):
    gap = LogDistribution(8, Moments(8, -2.0, 0.5), 0.1, 0.2, 0.3, 0.4)
    blocks = [
        BlockStatistics(
            ordinal, samples=8, micro_batches=1, identity_gap=gap, identity_gap_histogram={50: 8}
        )
        for ordinal in range(2)
    ]
    return Frame(step, 1.75e9 + step, loss=1.0, blocks=blocks)
"""


def start(program: str, *arguments: str | pathlib.Path) -> "subprocess.Popen[str]":
    """Starts a Python program after PREAMBLE, its output piped."""
    path = [str(ROOT / "Sources" / "python"), str(ROOT / "Tests" / "python")]
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
    )


def finished(program: str, *arguments: str | pathlib.Path) -> tuple[str, str]:
    """What a program that must end well within a minute wrote to its two outputs."""
    process = start(program, *arguments)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output, errors


def binary() -> pathlib.Path:
    """The command; the test is skipped where nobody built it."""
    given = os.environ.get("RESNET_PROBE_BINARY")
    path = pathlib.Path(given) if given else ROOT / ".build" / "release" / "resnet-probe"
    if not path.exists():
        pytest.skip(f"no command at {path}: build it, or set RESNET_PROBE_BINARY")
    return path


def command(*arguments: str | pathlib.Path) -> str:
    """What the command prints."""
    outcome = subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout
