"""The article on examinations: its code runs, it names every argument and quotes what is said."""

import csv
import inspect
import os
import pathlib
import re
from typing import get_args

import pytest
import resnet_probe
from resnet_probe.examining import (
    ablating,
    curve,
    examination,
    examine,
    losses,
    plan,
    progress,
    remarks,
    rounds,
    watch,
)
from resnet_probe.journal.removal_order_wire import Strategy
from resnet_probe.journal.similarity_wire import Similarity
from torch.nn.functional import cross_entropy

from journals import ROOT
from processes import command
from test_examine_resumed import begun, recorded, shuffled

ARTICLE = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc" / "Examine.md"
TEXT = ARTICLE.read_text(encoding="utf-8")


def test_the_code_runs_and_prints_a_table(
    spool: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(code, "Examine.md", "exec"), {})  # noqa: S102
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("step 3, 32 samples in eval mode: loss ")
    rule = lines.index("")
    blocks, curve = lines[rule + 1 :], lines[lines.index("", rule + 1) + 1 :]
    assert [line.split()[0] for line in blocks[2:10]] == [
        f"layer{stage}.{place}" for stage in range(1, 5) for place in range(2)
    ]
    assert re.fullmatch(r"blocks dropped +greedy +deepest first +random mean", curve[0])
    assert [line.split()[0] for line in curve[2:]] == [str(count) for count in range(1, 9)]
    assert [one.ordinals for one in recorded(spool)][:8] == [(place,) for place in range(8)]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (ablating, "; {left} are left"),
        (ablating, " samples have no finite loss with all blocks in place"),
        (plan, "it was not found in the eval-mode forward"),
        (plan, " is left out: {why}"),
        (plan, "it does not run in every batch"),
        (examine, " is not the attached one"),
        (examine, "its recording has ended"),
        (examine, "its parameters are sharded"),
        (examine, "rank 0 examines for all ranks"),
        (remarks, "batch norm's running averages lag"),
        (remarks, "its forward in eval mode wrote "),
        (remarks, "of the loss's values are exactly 0 where targets hold padding"),
        (losses, "the loss of a batch is no mean of its rows' losses"),
        (plan, " is one block, no set"),
        (ablating, ", all of them measured before"),
        (ablating, " and about {along} "),
        (rounds, "two passes over the same rows in eval mode differ by "),
        (losses, "the network returns no loss"),
        (watch, "no similarity of {first_names(missing)}"),
        (watch, "not every batch runs it"),
        (watch, "no CKA: it takes batches of"),
        (watch, "nor spans under a mask: rows and tokens cannot be told apart"),
        (ablating, "finite losses (up to "),
        (ablating, ") is not finite"),
        (watch, "similarity is left out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_quotes_what_is_said(module: object, words: str) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    assert words in re.sub(r'"\s+f?"', "", source)
    assert re.sub(r"\{[^}]+\}", "", words).strip(" ;,") in TEXT


def test_it_explains_every_argument_and_every_number_of_a_block() -> None:
    arguments = set(inspect.signature(resnet_probe.Probe.examine).parameters)
    docstring = inspect.getdoc(resnet_probe.Probe.examine) or ""
    for name in arguments - {"self"}:
        assert f"{name}:" in docstring
    for name in ("loss_change", "lower", "upper", "error_change", "identity_gap", "non_finite"):
        assert name in examination.BlockAblation.__slots__
        assert f"`{name}`" in TEXT
    for name in ("angular_distance", "span_gap", "cka", "branch_cka"):
        assert hasattr(Similarity, name)
        assert f"`{name}`" in TEXT
    for point in (curve.CurvePoint, curve.CurveOrder):
        for name in point.__slots__:
            assert f"`{name}`" in TEXT
    for strategy in get_args(Strategy):
        assert f"`{strategy}`" in TEXT


def test_a_bar_is_drawn_on_a_terminal_and_taken_away(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 2)
    bar = progress.Progress(is_shown=True)
    bar.begin(4, "4 blocks × 1 batch, about 2.0 s")
    for done in range(4):
        bar.at(done)
    bar.end()
    first, _, rest = capfd.readouterr().err.partition("\n")
    assert first == "resnet-probe: examine: 4 blocks × 1 batch, about 2.0 s"
    drawn = rest.split("\r")[1:]
    assert "\n" not in rest
    assert drawn[0] == "░" * 30 + " 0 of 4\x1b[K"
    assert re.fullmatch(r"█{15}░{15} 2 of 4, about 0\.1 s left\x1b\[K", drawn[2])
    assert drawn[4] == "\x1b[K"
    silent = progress.Progress(is_shown=False)
    silent.begin(4, "")
    silent.at(1)
    silent.end()
    monkeypatch.undo()
    piped = progress.Progress(is_shown=True)
    piped.begin(4, "words")
    piped.at(1)
    piped.end()
    assert capfd.readouterr().err == "resnet-probe: examine: words\n"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0.1 s"), (3.14, "3.1 s"), (45.2, "45 s"), (190, "3 min")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words


def test_the_command_shows_what_was_measured(spool: pathlib.Path, tmp_path: pathlib.Path) -> None:
    model, probe = begun()
    found = probe.examine(model, shuffled(), cross_entropy, progress=False, curve=False)
    together = [["layer1.0", "layer2.0"]]
    both = probe.examine(
        model, shuffled(), cross_entropy, together=together, progress=False, curve=False
    )
    probe.finish()
    store = tmp_path / "store.sqlite"
    command("ingest", "--spool", spool, "--store", store)
    words = (
        "SELECT a.name, a.step, a.samples, a.loss_change, a.loss_change_lower, a.error_change,"
        " x.planned FROM block_ablation AS a JOIN examination AS x ORDER BY a.ordinal"
    )
    rows = list(
        csv.reader(command("query", "--format", "csv", "--store", store, words).splitlines())
    )[1:]
    assert found is not None
    assert both is not None
    assert found.blocks == both.blocks[:3]
    assert [row[:3] for row in rows] == [[one.name, "8", "20"] for one in found]
    numbers = [[float(number) for number in row[3:]] for row in rows]
    assert numbers == [[one.loss_change, one.lower, one.error_change, 4] for one in found]
