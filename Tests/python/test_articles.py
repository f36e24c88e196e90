"""What the article on PyTorch must name: every argument, variable and method."""

import inspect
import pathlib
import re

import pytest
import resnet_probe
import torch
from resnet_probe import summary
from resnet_probe.compiled import compiled_passes
from resnet_probe.integrations import lightning, recorded_training, transformers
from resnet_probe.journal import attempt, journal, recording, run
from resnet_probe.measuring import turns
from resnet_probe.training import compilation, entrance, hidden_steps, step_loop, unsupported

import test_compiled_networks
from frames import frames_by_run, frames_in
from journals import ROOT

ARTICLES = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc"
PACKAGE = ROOT / "Sources" / "python" / "resnet_probe"
TRAINERS = (ARTICLES / "Integrations.md").read_text(encoding="utf-8")
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
    assert len(read) == 12
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
    for name in ("FullyShardedDataParallel", "DeepSpeed", "DataParallel", "scripted"):
        assert name in said
        assert name in section


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (recorded_training, "the callback takes no "),
        (recorded_training, "=: give arguments of resnet_probe.attach"),
        (recorded_training, "the callback could not follow the trainer"),
        (lightning, " is no part of "),
        (lightning, "training_step calls no part of the LightningModule"),
        (lightning, " for the network, from the second batch on"),
        (lightning, ", which cannot be imported"),
        (transformers, ", which cannot be imported"),
    ],
)
def test_the_article_on_trainers_quotes_what_callbacks_say(module: object, words: str) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    joined = re.sub(r'"\s+f?"', "", source)
    assert words in joined
    assert words.strip() in TRAINERS


def code_for(title: str) -> str:
    """The only code block under a title of the article on trainers."""
    section = TRAINERS.split(f"\n## {title}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert len(code.strip().splitlines()) <= 10
    return str(code)


def test_the_lines_for_lightning_record_as_they_stand(
    spool: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_lightning import BATCHES, Classifier, loader

    monkeypatch.chdir(tmp_path)
    exec(code_for("Lightning"), {"module": Classifier(), "loader": loader()})  # noqa: S102
    (frames,) = frames_by_run(spool).values()
    assert [frame.step for frame in frames] == [0, 5, 10, 2 * BATCHES - 1]


def test_the_lines_for_hugging_face_record_as_they_stand(
    spool: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_hugging_face import Images, vit

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    exec(code_for("Hugging Face"), {"model": vit(), "data": Images()})  # noqa: S102
    (frames,) = frames_by_run(spool).values()
    assert [frame.step for frame in frames] == [0, 5]  # two epochs of 24 samples, 8 a batch


COMPILED = (ARTICLES / "Compiled.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (entrance, "the network was compiled after attach in a way that hides its forward"),
        (summary, "its forward never ran, or it ran within a compiled function"),
        (compilation, "nothing is recorded of the compiled network: "),
        (hidden_steps, "parameters change though attach's optimizer does not step"),
        (compiled_passes, " ran uncompiled (torch gives up"),
        (compiled_passes, "compiled code within a checkpoint is left out"),
        (compiled_passes, " blocks cannot be followed through compiled code"),
        (compiled_passes, " ran other operations in compiled code than when"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_article_on_compiled_networks_quotes_what_is_said(module: object, words: str) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]
    assert words in re.sub(r'"\s+f?"', "", source)
    assert words.strip() in COMPILED


def test_the_code_of_the_article_on_compiled_networks_runs(spool: pathlib.Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", COMPILED, re.DOTALL)
    torch._dynamo.reset()
    exec(compile(code, "Compiled.md", "exec"), {})  # noqa: S102
    frames = frames_in(spool)
    assert [len(frame.blocks) for frame in frames] == [8, 8, 8]
    torch._dynamo.reset()


def test_the_article_counts_the_networks_that_are_compared() -> None:
    numbers = {25: "25 networks", 5: "five of them"}
    assert numbers[len(test_compiled_networks.NETWORKS)] in COMPILED
    assert numbers[len(test_compiled_networks.THROUGH_AUTOGRAD)] in COMPILED
