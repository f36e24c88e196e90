"""What the article on several processes quotes is what the recorder says."""

import inspect
import re

import pytest
from resnet_probe.training import ranks, run_record, unsupported

from journals import ROOT

ARTICLES = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc"
TEXT = (ARTICLES / "Distributed.md").read_text(encoding="utf-8")


def said_by(module: object) -> str:
    """A module's source with its texts of several lines joined."""
    return re.sub(r'"\s+f?"', "", inspect.getsource(module))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (ranks, "no process group says whose run this process is part of"),
        (ranks, "on rank 0, which holds"),
        (ranks, "rank 0 cannot tell the others which run this is"),
        (run_record, "nothing is recorded here: "),
        (run_record, "rank 0 does not tell which run this is"),
        (run_record, "none of its blocks is rank 0's"),
        (run_record, "blocks that rank 0 did not find are left out here"),
        (run_record, "blocks of rank 0 that were not found here are left out"),
        (unsupported, "several ranks compute each sample (tensor parallelism)"),
        (unsupported, "FullyShardedDataParallel hides its parameters"),
        (unsupported, "DeepSpeedEngine keeps parameters and steps to itself"),
    ],
)
def test_each_line_is_quoted(module: object, words: str) -> None:
    assert words in said_by(module)
    assert words.strip() in TEXT


def test_the_variables_that_tell_a_rank_are_named() -> None:
    for rank, _ in ranks._VARIABLES:
        assert f"`{rank}`" in TEXT


def test_the_numbers_are_the_recorders() -> None:
    words = " ".join(TEXT.split())
    assert f"the others wait for rank 0 there, {ranks.PATIENCE:.0f} seconds at most" in words
    assert f"`finish` waits for it {run_record.PATIENCE:.0f} seconds at most" in words
    assert f"frames wait for that, {run_record.MOST_WAITING} at most" in words
