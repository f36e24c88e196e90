"""Networks whose parameters are sharded: what is measured is right, and what is not is left out."""

import pytest
import torch

import distributed_program
from distributed_cases import gpt, images, resnet, tokens
from distributed_program import Outcome
from ranks_merged import APPROXIMATE, journals_in
from test_distributed_statistics import check, reference, steps_of

CASES = (
    "sharded_rows_of_tokens",
    "sharded_in_other_units",
    "sharded_with_a_block_map",
    "sharded_in_part",
    "sharded_and_compiled",
    "tensor_parallel",
)
OF_PARAMETERS = ("gate_gradient", "weight_norm", "gradient_norm", "update_ratio", "gate_rms")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return distributed_program.run(2, tmp_path_factory.mktemp("sharded"), CASES)


def test_sampled_statistics_of_a_sharded_network_are_those_of_the_whole_batch(
    cases: dict[str, Outcome],
) -> None:
    outcome = cases["sharded_rows_of_tokens"]
    journals = journals_in(outcome.spool)
    assert [journal.steps for journal in journals] == [[0, 1, 2]] * 2
    for step, rows in enumerate(reference(gpt(), steps_of(tokens, 3, 2))):
        check(journals, rows, step, without=(*APPROXIMATE, *OF_PARAMETERS))
    run = journals[0].run[:8]
    assert outcome.said == [
        [
            (
                f"resnet-probe: recording 'GPT' (run {run}, 2 ranks): 4 blocks: 4 residual,"
                " identity shortcut; 4 firing; parameters are sharded: their norms are left out"
            )
        ],
        [],
    ]


@pytest.mark.parametrize("name", ["one unit", "leaves", "checkpoints"])
def test_what_the_units_are_changes_no_statistic(name: str, cases: dict[str, Outcome]) -> None:
    everything = journals_in(cases["sharded_in_other_units"].spool)
    journals = [journal for journal in everything if journal.name == name]
    assert [journal.rank for journal in journals] == [0, 1]
    # "leaves" leaves the embeddings whole, whose gradients nobody exchanges: one step alone.
    count = 1 if name == "leaves" else 2
    for step, rows in enumerate(reference(gpt(), steps_of(tokens, count, 2))):
        check(journals, rows, step, without=(*APPROXIMATE, *OF_PARAMETERS))


def test_no_norm_of_a_part_is_written(cases: dict[str, Outcome]) -> None:
    for name in ("sharded_rows_of_tokens", "sharded_with_a_block_map"):
        frames = [frame for j in journals_in(cases[name].spool) for frame in j.frames]
        found = {getattr(b, field) for f in frames for b in f.blocks for field in OF_PARAMETERS}
        assert found == {None}
    for journal in journals_in(cases["sharded_in_part"].spool):
        for frame in journal.frames:
            first, *others = frame.blocks
            assert {getattr(first, field) for field in OF_PARAMETERS} == {None}
            assert all(block.weight_norm is not None for block in others)


def test_a_map_of_blocks_that_were_found_before_is_measured_from_the_first_pass_on(
    cases: dict[str, Outcome],
) -> None:
    journals = journals_in(cases["sharded_with_a_block_map"].spool)
    steps = [
        [[images(2 * step + part, rank) for part in range(2)] for rank in range(2)]
        for step in range(2)
    ]
    for step, rows in enumerate(reference(resnet(), steps)):
        check(journals, rows, step, without=(*APPROXIMATE, *OF_PARAMETERS))


def test_compiled_and_sharded_together_train_as_they_would(cases: dict[str, Outcome]) -> None:
    outcome = cases["sharded_and_compiled"]
    for bare, probed in outcome.left:
        assert all(torch.equal(a, b) for a, b in zip(bare, probed, strict=True))
    sentence = (
        "nothing is recorded of the compiled network: its parameters are sharded, and both together"
        " are not recorded yet; train without torch.compile, or with DistributedDataParallel"
    )
    assert outcome.said == [
        [f"resnet-probe: {sentence}"],
        [f"resnet-probe: rank 1: {sentence}"],
    ]
    assert not journals_in(outcome.spool)


def test_ranks_that_compute_the_same_samples_are_not_recorded(cases: dict[str, Outcome]) -> None:
    outcome = cases["tensor_parallel"]
    assert outcome.left == [False, False]
    assert not journals_in(outcome.spool)
    assert (
        outcome.said
        == [
            [
                (
                    "resnet-probe: nothing is recorded: several ranks compute each sample (tensor"
                    " parallelism), and would count it several times; train data-parallel"
                    " (DistributedDataParallel, fully_shard) for now"
                )
            ]
        ]
        * 2
    )
