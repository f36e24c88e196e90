"""What several ranks record is what one process would of all their batches, in float64."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import distributed_program
from distributed_cases import LEARNING_RATE, Chosen, gpt, images, resnet, tokens
from distributed_program import Outcome
from networks.entry import Example, mean_loss
from oracle import differences
from ranks_merged import APPROXIMATE, RankJournal, journals_in, merged
from recorded import Rows, expected

CASES = (
    "rows_of_tokens",
    "static_graph_and_views_of_buckets",
    "hook_of_communication_and_sharded_optimizer",
    "accumulation_without_sync",
    "compiled_replicas",
    "fewer_batches_on_rank_1",
    "images_of_other_sizes",
    "blocks_that_rank_1_runs_later",
)
OF_PARAMETERS = ("gate_gradient", "gradient_norm", "update_ratio")

Batches = Sequence[Sequence[Tensor]]
"""Of each rank its micro-batches."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return distributed_program.run(2, tmp_path_factory.mktemp("two"), CASES)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return distributed_program.run(4, tmp_path_factory.mktemp("four"), CASES[:1])


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=LEARNING_RATE)


def reference(model: nn.Module, steps: Sequence[Batches]) -> Iterator[Rows]:
    """The rows of each step of a training in one process, which averages gradients over ranks.

    The ranks' batches are micro-batches of one step: each rank back-propagates its own mean.
    """
    for ranks in steps:
        parts = len(ranks[0])
        batches = [Example((batch,)) for own in ranks for batch in own]

        def local(output: Any, parts: int = parts) -> Tensor:
            return mean_loss(output) / parts

        def averaged(output: Any, parts: int = parts, size: int = len(ranks)) -> Tensor:
            return mean_loss(output) / (parts * size)

        rows = expected(model, local, batches)
        update = expected(model, averaged, batches, optimizer=sgd)
        for row, other in zip(rows, update, strict=True):
            row.update({name: other[name] for name in OF_PARAMETERS})
        yield rows
        optimizer = sgd(model.parameters())
        optimizer.zero_grad()
        for batch in batches:
            averaged(model(*batch.args)).backward()
        optimizer.step()


def check(journals: Sequence[RankJournal], rows: Rows, step: int, **options: Any) -> None:
    """The statistics of a step over the ranks that have it are these."""
    frames = [frame for journal in journals for frame in journal.frames if frame.step == step]
    found = []
    for row in rows:
        parts = [b for f in frames for b in f.blocks if b.ordinal == row["ordinal"]]
        whole = merged(parts, row)
        lines = differences(whole, row, relative=1e-9, **options)
        found += [f"step {step}, {row['name']}: {line}" for line in lines]
    assert not found, "\n".join(found)


def steps_of(batch: Callable[[int, int], Tensor], count: int, world_size: int) -> list[Batches]:
    return [[[batch(step, rank)] for rank in range(world_size)] for step in range(count)]


@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_with_unequal_batches_merge_to_the_whole_batch(
    world_size: int, two: dict[str, Outcome], request: pytest.FixtureRequest
) -> None:
    outcomes = two if world_size == 2 else request.getfixturevalue("four")
    journals = journals_in(outcomes["rows_of_tokens"].spool)
    assert [journal.rank for journal in journals] == list(range(world_size))
    model = gpt()
    steps = steps_of(tokens, 3, world_size)
    for step, rows in enumerate(reference(copy.deepcopy(model), steps)):
        check(journals, rows, step, without=APPROXIMATE)
    # At the first step the weights are known: one process that takes all rows at once.
    whole = torch.cat([batch for (batch,) in steps[0]])
    rows = expected(model, mean_loss, [Example((whole,))])
    check(journals, rows, 0, without=(*APPROXIMATE, *OF_PARAMETERS, "micro_batches"))


@pytest.mark.parametrize(
    "name",
    ["static_graph_and_views_of_buckets", "hook_of_communication_and_sharded_optimizer"],
)
def test_batch_norm_and_every_kind_of_gradient_exchange(name: str, two: dict[str, Outcome]) -> None:
    journals = journals_in(two[name].spool)
    steps = steps_of(images, 3, 2)
    for step, rows in enumerate(reference(resnet(), steps)):
        check(journals, rows, step, without=APPROXIMATE)
    weights = [[frame[0].weight_norm for frame in journal.frames] for journal in journals]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("name", ["inside", "outside"])
def test_compiled_replicas_have_the_statistics_of_others(
    name: str, two: dict[str, Outcome]
) -> None:
    everything = journals_in(two["compiled_replicas"].spool)
    journals = [journal for journal in everything if journal.name == name]
    assert [journal.rank for journal in journals] == [0, 1]
    steps = [[[tokens(step, 0)], [tokens(step, 0)]] for step in range(2)]
    for step, rows in enumerate(reference(gpt(), steps)):
        check(journals, rows, step, without=APPROXIMATE)


def test_accumulation_is_one_frame_a_step_on_each_rank(two: dict[str, Outcome]) -> None:
    journals = journals_in(two["accumulation_without_sync"].spool)
    steps = [
        [[images(3 * step + part, rank) for part in range(3)] for rank in range(2)]
        for step in range(2)
    ]
    assert [journal.steps for journal in journals] == [[0, 1], [0, 1]]
    assert {b.micro_batches for j in journals for f in j.frames for b in f.blocks} == {3}
    for step, rows in enumerate(reference(resnet(), steps)):
        check(journals, rows, step, without=APPROXIMATE)


def test_a_rank_that_runs_out_of_batches_has_fewer_frames(two: dict[str, Outcome]) -> None:
    journals = journals_in(two["fewer_batches_on_rank_1"].spool)
    assert [journal.steps for journal in journals] == [[0, 1, 2, 3], [0, 1]]
    assert all(journal.end is not None for journal in journals)
    assert [journal.end.number(3) for journal in journals if journal.end] == [3, 1]
    steps = steps_of(tokens, 2, 2)
    # join() divides by the ranks that still train; both do until here.
    for step, rows in enumerate(reference(gpt(), steps)):
        check(journals, rows, step, without=APPROXIMATE)


def test_images_of_another_size_on_another_rank_are_the_same_blocks(
    two: dict[str, Outcome],
) -> None:
    journals = journals_in(two["images_of_other_sizes"].spool)
    assert journals[0].blocks == journals[1].blocks == ["layer1.0", "layer2.0", "layer3.0"]
    model = resnet()
    batches = [Example((images(0, rank, 8 + 4 * rank),)) for rank in range(2)]
    for journal, batch in zip(journals, batches, strict=True):
        rows = expected(model, mean_loss, [batch])
        check([journal], rows, 0, without=(*APPROXIMATE, *OF_PARAMETERS))


def test_blocks_that_do_not_run_on_a_rank_have_the_samples_of_the_others(
    two: dict[str, Outcome],
) -> None:
    outcome = two["blocks_that_rank_1_runs_later"]
    journals = journals_in(outcome.spool)
    assert outcome.said[1] == []
    names = ["blocks.0", "blocks.1", "blocks.2"]
    assert [journal.blocks for journal in journals] == [names, names]
    measured = [
        [[b for b in f.blocks if b.samples > b.dropped] for f in j.frames] for j in journals
    ]
    ran = [[[block.ordinal for block in frame] for frame in frames] for frames in measured]
    assert ran == [[[0, 1, 2], [0, 1, 2]], [[0, 2], [0]]]
    # In rank 1's first forward block 2 came first: that is its place there, and no more.
    model = Chosen()
    with torch.no_grad():
        x = model.stem(images(0, 1))
        after_2 = model.blocks[2](x)
        gaps = [
            (model.blocks[place].conv(y).flatten(1).norm(dim=1) / y.flatten(1).norm(dim=1)).log()
            for place, y in ((0, after_2), (2, x))
        ]
    for block, gap in zip(measured[1][0], gaps, strict=True):
        assert block.identity_gap is not None
        assert block.identity_gap.logs.mean == pytest.approx(float(gap.mean()), rel=1e-9)
        assert block.samples == len(gap)
