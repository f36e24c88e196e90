"""The example on the digits: what it trains, and what the command reports of it."""

import importlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import resnet_probe
import torch

from journals import ROOT
from processes import command

EXAMPLES = ROOT / "Sources" / "python" / "examples"
TRAINED = ("resnet-20", "resnet-56", "plain-56")
STEPS = 12  # of one epoch: 1,437 samples, 128 a batch

Places = dict[str, str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """The environment of a user who ran the example for one epoch."""
    home = tmp_path_factory.mktemp("home")
    places = {"XDG_DATA_HOME": f"{home}/data", "XDG_STATE_HOME": f"{home}/state"}
    mine = {key: value for key, value in os.environ.items() if not key.startswith("RESNET_PROBE_")}
    outcome = subprocess.run(
        [
            sys.executable,
            EXAMPLES / "digits.py",
            *TRAINED,
            "--epochs",
            "1",
            "--every",
            "3",
        ],
        env=mine | places | {"PYTHONPATH": str(ROOT / "Sources" / "python")},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert [line.split()[0] for line in outcome.stdout.splitlines()] == list(TRAINED)
    said = outcome.stderr.splitlines()
    assert len(said) == len(TRAINED), said
    for line, words in zip(said, ("9 blocks: 7 ", "27 blocks: 25 ", "25 blocks: 25 "), strict=True):
        assert words in line
        assert "silent" not in line
    return places


@pytest.fixture
def store(trained: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the command read what the example recorded."""
    monkeypatch.delenv("RESNET_PROBE_SPOOL", raising=False)
    monkeypatch.delenv("RESNET_PROBE_STORE", raising=False)
    for key, value in trained.items():
        monkeypatch.setenv(key, value)


def report(name: str) -> dict[str, Any]:
    """What the command says of a run."""
    found = json.loads(command("report", "--run", name, "--json"))
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", TRAINED)
def test_the_command_reports_what_the_example_trained(name: str) -> None:
    found = report(name)
    run = found["run"]
    assert (run["name"], run["project"], run["status"]) == (name, "digits", "completed")
    assert (run["planned_steps"], run["last_step"]) == (STEPS, STEPS - 1)
    assert run["frames"] == 5  # steps 0, 3, 6, 9 and the last
    assert run["dropped_frames"] == run["rejected_records"] == 0
    assert 0 < run["loss"] < 10
    assert len(found["blocks"]) == run["blocks"]
    for block in found["blocks"]:
        assert block["statistics"]["residual_ratio"]["p50"] > 0, block["name"]
        assert block["statistics"]["taylor_importance"]["rank"] is not None, block["name"]


@pytest.mark.usefixtures("store")
def test_each_block_of_a_deeper_residual_network_changes_its_stream_less() -> None:
    gaps = {}
    for name in ("resnet-20", "resnet-56"):
        known = [block["statistics"]["identity_gap"]["p50"] for block in report(name)["blocks"]]
        gaps[name] = statistics.median(gap for gap in known if gap is not None)
    assert gaps["resnet-20"] > 1.4 * gaps["resnet-56"], gaps


@pytest.mark.usefixtures("store")
def test_gradients_explode_towards_the_first_blocks_of_a_deep_plain_network() -> None:
    rows = command(
        "query", "--format", "jsonl",
        "SELECT name, max(output_grad_norm_mean) / min(output_grad_norm_mean) AS spread"
        " FROM (SELECT run.name, step, output_grad_norm_mean FROM block_step JOIN run"
        " ON run.id = run_id WHERE step = 0) GROUP BY name",
    )  # fmt: skip
    spreads = {row["name"]: row["spread"] for row in map(json.loads, rows.splitlines())}
    assert set(spreads) == set(TRAINED)
    # Measured: about 2,000 and 20.
    assert spreads["plain-56"] > 20 * spreads["resnet-56"], spreads


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as a module."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("digits")


def test_the_blocks_of_every_network_of_the_example_are_found(example: ModuleType) -> None:
    expected = {
        "plain-20": ("plain", 7),
        "plain-56": ("plain", 25),
        "resnet-20": ("residual", 9),
        "resnet-56": ("residual", 27),
        "preact-56": ("residual", 27),
        "wide": ("residual", 6),
        "stochastic-depth-56": ("residual", 27),
        "densenet": ("concat", 18),
    }
    assert list(example.NETWORKS) == list(expected)
    for name, make in example.NETWORKS.items():
        kind, number = expected[name]
        blocks = resnet_probe.find_blocks(make(), torch.zeros(2, 1, 8, 8))
        assert {block.kind for block in blocks} == {kind}, name
        assert len(blocks) == number, name
        assert not blocks.remarks, blocks
        drops = [block.drop_probability for block in blocks]
        if name == "stochastic-depth-56":  # rises over the blocks
            assert drops == pytest.approx([0.5 * place / 27 for place in range(1, 28)])
        else:
            assert drops == [None] * number, name


def test_the_example_reads_the_digits_as_they_are(
    example: ModuleType, tmp_path: pathlib.Path
) -> None:
    images, labels = example.read_digits(example.DATA)
    assert images.shape == (1797, 1, 8, 8)
    # scikit-learn's order, and its counts of the digits.
    assert labels[:12].tolist() == [*range(10), 0, 1]
    counts = " ".join(map(str, torch.bincount(labels).tolist()))
    assert counts == "178 182 177 183 181 182 181 179 174 180"
    assert abs(float(images.mean())) < 1e-5
    sample = tmp_path / "one.bin"
    # Pixels 1 and 9 above zero with values 16 and 3, of a seven.
    sample.write_bytes(bytes([2, 2, 0, 0, 0, 0, 0, 0, 15 << 4 | 7, 2]))
    one, label = example.read_digits(sample)
    assert label.tolist() == [7]
    dark, dim, bright = torch.unique(one).tolist()
    assert (bright - dark) / (dim - dark) == pytest.approx(16 / 3)
    assert (one == bright).nonzero()[:, 2:].tolist() == [[0, 1]]
    assert (one == dim).nonzero()[:, 2:].tolist() == [[1, 1]]
