"""What the article on PyTorch must name: every argument, variable and method."""

import inspect
import re

import pytest
import resnet_probe
from resnet_probe import summary
from resnet_probe.journal import attempt, journal, recording, run
from resnet_probe.measuring import turns
from resnet_probe.training import step_loop, unsupported

from journals import ROOT

ARTICLES = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc"
PACKAGE = ROOT / "Sources" / "python" / "resnet_probe"
TEXT = (ARTICLES / "PyTorch.md").read_text(encoding="utf-8")


def rows() -> set[str]:
    """The first cells of tables that stand in code voice."""
    return set(re.findall(r"^\| `([^`]+)`", TEXT, re.MULTILINE))


def test_every_argument_of_attach_has_a_row() -> None:
    arguments = inspect.signature(resnet_probe.attach).parameters
    assert len(arguments) >= 17
    assert set(arguments) <= rows()


def test_every_variable_of_the_recorder_has_a_row() -> None:
    read = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'"(RESNET_PROBE_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(read) == 8
    assert read <= rows()


def test_every_method_and_property_of_a_probe_has_a_row() -> None:
    public = [name for name in vars(resnet_probe.Probe) if not name.startswith("_")]
    named = {re.split(r"[.(]", row)[1] for row in rows() if row.startswith("probe.")}
    assert set(public) <= named
    assert named == {name for name in public if name in named}


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (summary, "its forward never ran"),
        (summary, "the network ran in eval mode only"),
        (summary, "the network ran without gradients only"),
        (summary, "no backward pass reached the network's output"),
        (step_loop, "nothing is recorded from here on: "),
        (step_loop, "the optimizer does not tell how many steps it made"),
        (step_loop, "probe.step() was passed over: the optimizer tells of steps"),
        (turns, "they take turns, a measured step each"),
        (journal, "the spool is at its limit and nothing in it is delivered"),
        (journal, "there is no room for the journal"),
        (journal, "a frame is over 4 MiB and was dropped"),
        (journal, "the journal cannot be written"),
        (attempt, "a metric was passed over"),
        (run, " is over 512 bytes and was cut"),
        (recording, "came from a signal handler within another call"),
        (recording, "cannot start a thread"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_article_quotes_what_the_recorder_says(module: object, words: str) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    joined = re.sub(r'"\s+f?"', "", source)  # texts over several lines
    assert words in joined
    assert words.strip() in TEXT


def test_what_is_not_supported_is_named() -> None:
    said = inspect.getsource(unsupported)
    section = TEXT.split("## Not supported yet")[1]
    for name in ("torch.compile", "FSDP", "DataParallel", "scripted"):
        assert name in said
        assert name in section
