"""The article on bypassing: its code runs, it names every argument and quotes what is said."""

import inspect
import pathlib
import re

import pytest
import resnet_probe
import torch
from resnet_probe.bypassing import bypass, guesses, interception, locating, planned, trials

from journals import ROOT

ARTICLE = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc" / "Bypass.md"
TEXT = ARTICLE.read_text(encoding="utf-8")


def test_the_code_runs_and_frees_parameters(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(code, "Bypass.md", "exec"), {})  # noqa: S102
    before, after = map(int, capsys.readouterr().out.split())
    branches = 2 * 64 * 64 * 9 + 4 * 64 + 2 * 256 * 256 * 9 + 4 * 256
    assert before - after == branches
    smaller = torch.load("smaller.pt", weights_only=False)
    assert sum(parameter.numel() for parameter in smaller.parameters()) == after


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (bypass, " the branch still runs, no faster than it was"),
        (bypass, "the plan has no blocks: a copy of the whole network"),
        (bypass, "no batch norm to recalibrate"),
        (bypass, " batch norms recalibrated on "),
        (bypass, "its parameters are sharded"),
        (locating, " given is called so"),
        (locating, " parameters here, and "),
        (locating, "it does not run"),
        (planned, "its format is "),
        (planned, "it is no JSON"),
        (planned, "it holds a text"),
        (planned, " is no number of parameters"),
        (planned, " is no word"),
        (guesses, "no example can be guessed for it"),
        (interception, " runs more than once in a pass"),
        (interception, " without its bypassed blocks"),
        (trials, "no copy gives what it gives without them"),
        (trials, "it cannot be copied"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_quotes_what_is_said(module: object, words: str) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    assert words in re.sub(r'"\s+f?"', "", source)
    assert words.strip() in TEXT


def test_it_explains_every_argument() -> None:
    arguments = inspect.signature(resnet_probe.bypass).parameters
    docstring = inspect.getdoc(resnet_probe.bypass) or ""
    for name in arguments:
        assert f"{name}:" in docstring
    for name in ("example", "recalibrate"):
        assert f"`{name}`" in TEXT
