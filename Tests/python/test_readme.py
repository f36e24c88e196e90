"""What the README says of PyTorch, run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from journals import ROOT
from processes import command

README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIREMENTS = ROOT / "Tests" / "python" / "requirements.txt"


def block(language: str) -> str:
    """The only code block of a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def words(text: str) -> list[str]:
    """The words of a text: what has digits or is drawn is the machine's own."""
    own = re.compile(r"[0-9▁-█·─]")
    return [word for word in text.split() if not own.search(word)]


def test_the_readmes_example_runs_and_prints_what_is_shown(
    spool: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("RESNET_PROBE_STORE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "Sources" / "python"))
    outcome = subprocess.run(
        [sys.executable, "-c", block("python")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == ""
    (said,) = outcome.stderr.splitlines()
    first, *rest = block("text").splitlines()
    # Only the run's identity and seconds are drawn anew each time.
    assert re.sub(r"run \w{8}", "run", said) == re.sub(r"run \w{8}", "run", first)
    assert list(spool.glob("*.rpj"))
    printed = command("report")
    assert printed.splitlines()[0] == rest[0]
    shown = words("\n".join(rest))
    assert len(shown) > 30
    assert words(printed)[: len(shown)] == shown


def test_the_version_of_torch_that_the_readme_names_is_the_one_that_runs_here() -> None:
    (named,) = re.findall(r"The tests run\s+torch ([0-9.]+[0-9])", README)
    (pinned,) = re.findall(r"^torch==(\S+)$", REQUIREMENTS.read_text(), re.MULTILINE)
    assert named == pinned
    assert torch.__version__.split("+")[0] == pinned
