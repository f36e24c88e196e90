"""Which run the processes of a training record, and what they say."""

import math
import pathlib

import pytest
from resnet_probe.training.ranks import stated_rank

import distributed_program
from distributed_cases import CASES as ALL
from distributed_cases import RUNS
from distributed_program import Outcome
from journals import ATTEMPT_FINISHED
from processes import command
from ranks_merged import journals_in

CASES = (
    "group_after_attaching",
    "identities_that_differ",
    "steps_that_differ",
    "only_rank_0_attaches",
    "only_rank_1_attaches",
    "rank_0_never_attaches",
    "no_group_at_all",
    "a_store_that_an_earlier_start_wrote_to",
    "two_networks",
    "blocks_found_ahead",
    "groups_of_one",
    "attached_again",
    "a_group_that_is_gone_before_the_end",
    "blocks_that_rank_1_finds_none_of",
    "blocks_that_rank_0_runs_later",
    "blocks_that_rank_1_lacks",
    "collectives_counted",
)

WITHOUT_RANK_0 = (
    "resnet-probe: rank 1: nothing is recorded here: rank 0 does not tell which run this is: call"
    " attach on every rank, for the same networks in the same order"
)


OF_FOUR = ("two_groups",)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return distributed_program.run(4, tmp_path_factory.mktemp("four"), OF_FOUR)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return distributed_program.run(2, tmp_path_factory.mktemp("runs"), CASES)


def test_every_case_is_looked_at_by_a_test() -> None:
    from test_distributed_sharded import CASES as SHARDED
    from test_distributed_statistics import CASES as STATISTICS

    assert set(ALL) == {*CASES, *OF_FOUR, *STATISTICS, *SHARDED}


@pytest.mark.parametrize("name", ["group_after_attaching", "a_group_that_is_gone_before_the_end"])
def test_ranks_record_one_attempt_of_one_run(name: str, cases: dict[str, Outcome]) -> None:
    outcome = cases[name]
    journals = journals_in(outcome.spool)
    assert [(j.rank, j.world_size) for j in journals] == [(0, 2), (1, 2)]
    assert {j.run for j in journals} == set(outcome.left)
    assert len({(j.run, j.attempt) for j in journals}) == 1
    assert [j.steps for j in journals] == [[0, 1], [0, 1]]
    assert all(j.end is not None for j in journals)
    # One line, on rank 0.
    run = journals[0].run[:8]
    assert outcome.said == [
        [
            (
                f"resnet-probe: recording 'CifarResNet' (run {run}, 2 ranks): 3 blocks: 1 residual,"
                " identity shortcut; 2 residual, projection shortcut; 3 firing"
            )
        ],
        [],
    ]


def test_what_an_earlier_start_left_in_the_store_is_not_taken(cases: dict[str, Outcome]) -> None:
    outcome = cases["a_store_that_an_earlier_start_wrote_to"]
    journals = journals_in(outcome.spool)
    assert {j.run for j in journals} == set(outcome.left)
    assert len({(j.run, j.attempt) for j in journals}) == 1
    assert [(j.first_step, j.steps, len(j.blocks)) for j in journals] == [(0, [0, 1], 3)] * 2


def test_each_rank_ends_as_it_ended(cases: dict[str, Outcome]) -> None:
    journals = journals_in(cases["a_group_that_is_gone_before_the_end"].spool)
    ends = [journal.end for journal in journals]
    assert [end.kind for end in ends if end is not None] == [ATTEMPT_FINISHED] * 2
    statuses = [end.number(1) for end in ends if end is not None]
    assert statuses[0] != statuses[1]


def test_rank_0s_identity_holds_and_a_rank_that_was_given_another_says_so(
    cases: dict[str, Outcome],
) -> None:
    outcome = cases["identities_that_differ"]
    assert outcome.left == [(RUNS[0], RUNS[0]), (RUNS[0], RUNS[0])]
    assert [journal.run for journal in journals_in(outcome.spool)] == [RUNS[0]] * 2
    assert outcome.said[1] == [
        f"resnet-probe: rank 1: the run's id is {RUNS[1]} here and {RUNS[0]} on rank 0, which holds"
    ]


def test_steps_are_counted_as_rank_0_counts_them(cases: dict[str, Outcome]) -> None:
    outcome = cases["steps_that_differ"]
    journals = journals_in(outcome.spool)
    assert [journal.first_step for journal in journals] == [499, 499]
    assert [journal.steps for journal in journals] == [[500, 550, 600]] * 2
    ends = [journal.end for journal in journals if journal.end is not None]
    assert [end.number(3) for end in ends] == [601, 601]
    assert outcome.said[1] == []
    # What was logged follows: step 500 is the second of this loop.
    found = [[frame.metrics["place"] for frame in journal.frames] for journal in journals]
    assert found == [[1.0, 51.0, 101.0]] * 2


def test_a_rank_that_alone_attaches_records_where_it_is_rank_0(cases: dict[str, Outcome]) -> None:
    spool = cases["only_rank_0_attaches"].spool
    (journal,) = journals_in(spool)
    assert (journal.rank, journal.world_size, journal.steps) == (0, 2, [0, 1])
    store = spool.parent / "store.sqlite"
    command("ingest", *spool.glob("*.rpj"), "--store", store)
    report = command("report", "--run", "latest", "--store", store)
    assert "1 of 2 ranks sent nothing: rank 1." in " ".join(report.split())


@pytest.mark.parametrize("name", ["only_rank_1_attaches", "rank_0_never_attaches"])
def test_without_rank_0_nothing_is_recorded_and_nobody_waits(
    name: str, cases: dict[str, Outcome]
) -> None:
    outcome = cases[name]
    assert outcome.said == [[], [WITHOUT_RANK_0]]
    assert not journals_in(outcome.spool)
    if name == "rank_0_never_attaches":
        assert outcome.left[1] == ([True] * 3 + [False] * 3, 0)
    else:
        assert outcome.left[1] == (True, False)


def test_without_a_group_other_ranks_than_0_record_nothing(cases: dict[str, Outcome]) -> None:
    outcome = cases["no_group_at_all"]
    (journal,) = journals_in(outcome.spool)
    assert (journal.rank, journal.world_size) == (0, 1)
    assert outcome.left == [(True, 0), (False, 0)]
    assert outcome.said[1] == [
        (
            "resnet-probe: nothing is recorded here: RANK is 1, and no process group says whose run"
            " this process is part of; call torch.distributed.init_process_group before the first"
            " step, or unset RANK where each process trains a network of its own"
        )
    ]


@pytest.mark.parametrize(
    ("variables", "rank"),
    [
        ({}, None),
        ({"RANK": "3", "WORLD_SIZE": "4"}, (3, "RANK")),
        ({"RANK": "0", "WORLD_SIZE": "1", "SLURM_PROCID": "2", "SLURM_NTASKS": "4"}, None),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "4"}, (2, "SLURM_PROCID")),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, None),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, (1, "OMPI_COMM_WORLD_RANK")),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, (1, "PMI_RANK")),
        ({"RANK": "one", "WORLD_SIZE": "2"}, None),
        ({"RANK": "1"}, None),
    ],
)
def test_what_the_environment_says_of_ranks(
    variables: dict[str, str], rank: tuple[int, str] | None
) -> None:
    assert stated_rank(variables) == rank


def test_two_networks_are_two_runs_of_two_ranks(cases: dict[str, Outcome]) -> None:
    outcome = cases["two_networks"]
    journals = journals_in(outcome.spool)
    assert [(j.name, j.rank) for j in journals] == [
        ("critic", 0), ("critic", 1), ("generator", 0), ("generator", 1),
    ]  # fmt: skip
    critic, generator = journals[0].run, journals[2].run
    assert critic != generator
    assert [j.run for j in journals] == [critic, critic, generator, generator]
    assert outcome.left == [[generator, critic]] * 2


def test_a_wrapper_with_a_group_of_its_own_is_a_run_of_its_own(four: dict[str, Outcome]) -> None:
    outcome = four["two_groups"]
    journals = journals_in(outcome.spool)
    assert [(j.name, j.rank, j.world_size) for j in journals] == [
        ("Chosen", 0, 2), ("Chosen", 1, 2), ("CifarResNet", 0, 2), ("CifarResNet", 1, 2),
    ]  # fmt: skip
    chosen, resnet = journals[0].run, journals[2].run
    assert outcome.left == [resnet, chosen, resnet, chosen]
    assert [j.steps for j in journals] == [[0, 1]] * 4


def test_processes_that_exchange_nothing_are_runs_of_their_own(cases: dict[str, Outcome]) -> None:
    outcome = cases["groups_of_one"]
    journals = journals_in(outcome.spool)
    assert [(j.name, j.rank, j.world_size, j.steps) for j in journals] == [
        ("trial 0", 0, 1, [0]), ("trial 1", 0, 1, [0]),
    ]  # fmt: skip
    assert [j.run for j in journals] == outcome.left


def test_blocks_found_ahead_are_those_of_all_ranks_whichever_run_there(
    cases: dict[str, Outcome],
) -> None:
    journals = journals_in(cases["blocks_found_ahead"].spool)
    assert {tuple(j.blocks) for j in journals} == {("blocks.0", "blocks.1", "blocks.2")}
    ran = [{b.ordinal for f in j.frames for b in f.blocks} for j in journals]
    assert ran == [{0, 1}, {2}]


def test_attaching_again_on_all_ranks_is_a_new_run(cases: dict[str, Outcome]) -> None:
    outcome = cases["attached_again"]
    assert outcome.left[0] == outcome.left[1]
    first, second = outcome.left[0]
    assert first != second
    found = sorted((j.run == second, j.rank, j.steps) for j in journals_in(outcome.spool))
    assert found == [(False, 0, [0]), (False, 1, [0]), (True, 0, [0]), (True, 1, [0])]


def test_a_rank_without_a_block_of_the_run_records_nothing(cases: dict[str, Outcome]) -> None:
    outcome = cases["blocks_that_rank_1_finds_none_of"]
    assert [journal.rank for journal in journals_in(outcome.spool)] == [0]
    assert outcome.said[1] == [
        (
            "resnet-probe: rank 1: nothing is recorded here: none of its blocks is rank 0's"
            " (blocks.2)"
        )
    ]


def test_a_block_that_rank_0_did_not_find_is_left_out(cases: dict[str, Outcome]) -> None:
    outcome = cases["blocks_that_rank_0_runs_later"]
    names = ["blocks.0", "blocks.1"]
    journals = journals_in(outcome.spool)
    assert [journal.blocks for journal in journals] == [names, names]
    assert {block.ordinal for frame in journals[1].frames for block in frame.blocks} == {0, 1}
    assert outcome.said[1] == [
        (
            "resnet-probe: rank 1: blocks that rank 0 did not find are left out here (blocks.2):"
            " give attach(example=…), so that all are found on every rank"
        )
    ]


def test_a_block_that_only_rank_0_found_has_rank_0s_samples(cases: dict[str, Outcome]) -> None:
    outcome = cases["blocks_that_rank_1_lacks"]
    journals = journals_in(outcome.spool)
    assert [[b.ordinal for b in j.frames[1].blocks] for j in journals] == [[0, 1, 2], [0, 1]]
    assert outcome.said[1] == [
        (
            "resnet-probe: rank 1: blocks of rank 0 that were not found here are left out"
            " (blocks.2): give attach(example=…), so that all are found on every rank"
        )
    ]


def test_a_probe_adds_no_collective_and_changes_no_weight(cases: dict[str, Outcome]) -> None:
    for (bare, weights), (probed, same) in cases["collectives_counted"].left:
        assert bare == probed
        assert bare > 3
        assert all(bool((a == b).all()) for a, b in zip(weights, same, strict=True))
        assert all(math.isfinite(float(a.sum())) for a in weights)


def test_a_case_that_fails_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "0.err").write_text("RuntimeError: of a test")
    with pytest.raises(AssertionError, match="of a test"):
        distributed_program.outcome(tmp_path, "some", 1)
