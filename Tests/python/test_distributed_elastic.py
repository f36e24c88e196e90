"""torchrun starts a training anew after a rank was killed; the report is of one run."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from journals import ROOT
from processes import command
from ranks_merged import RankJournal, journals_in

RUN = "ab" * 16
STEPS, CHECKPOINT, DIES_AT = 12, 5, 7


def torchrun(folder: pathlib.Path, *arguments: str, who: int = 1, **variables: str) -> str:
    """What a training on two processes wrote to standard error; it must end well."""
    path = [str(ROOT / "Sources" / "python"), str(ROOT / "Tests" / "python")]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RESNET_PROBE_", "TORCHEL"))}
    # With the store that torchrun keeps over a restart gloo itself connects to processes that are gone.
    kept["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    program = ROOT / "Tests" / "python" / "elastic_training.py"
    outcome = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
            "--max-restarts=1", "--monitor-interval=0.1", str(program), str(folder), str(STEPS),
            str(DIES_AT), str(who), *arguments,
        ],
        env=kept | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1",
                    "RESNET_PROBE_SPOOL": str(folder / "spool"), **variables},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    return outcome.stderr


def attempts(journals: list[RankJournal]) -> list[tuple[int, list[int], bool]]:
    """First step, ranks and whether all came to their end, by attempt in order."""
    found = []
    for attempt in {journal.attempt for journal in journals}:
        own = [journal for journal in journals if journal.attempt == attempt]
        assert len({journal.first_step for journal in own}) == 1
        ranks = [journal.rank for journal in own]
        found.append((own[0].first_step, ranks, all(j.end is not None for j in own)))
    return sorted(found)


@pytest.mark.parametrize(
    ("who", "arguments", "variables"),
    [(1, (), {"RESNET_PROBE_RUN_ID": RUN}), (0, ("id",), {})],
    ids=["rank 1 is killed, the id by variable", "rank 0 is killed, the id in a checkpoint"],
)
def test_a_killed_rank_and_a_restart_are_one_run(
    tmp_path: pathlib.Path, who: int, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    errors = torchrun(tmp_path, *arguments, who=who, **variables)
    assert errors.count("resnet-probe: recording 'elastic'") == 2
    everything = journals_in(tmp_path / "spool")
    journals = [journal for journal in everything if journal.name == "elastic"]
    assert len({journal.run for journal in journals}) == 1
    assert attempts(journals) == [(0, [0, 1], False), (CHECKPOINT, [0, 1], True)]
    # Of the environment's identity follows that of the second network. Without an identity a
    # restart is another run: torchrun has none by itself.
    others = [journal for journal in everything if journal.name == "other"]
    assert attempts(others) == attempts(journals)
    assert len({journal.run for journal in others}) == (1 if variables else 2)
    assert not {journal.run for journal in others} & {journal.run for journal in journals}
    store = tmp_path / "store.sqlite"
    command("ingest", *(tmp_path / "spool").glob("*.rpj"), "--store", store)
    sql = "SELECT s.* FROM run_step AS s, run AS r WHERE r.id = s.run_id AND r.name = 'elastic'"
    rows = json.loads(command("query", f"{sql} ORDER BY s.step", "--json", "--store", store))
    assert [row["step"] for row in rows] == list(range(STEPS))
    assert {row["ranks"] for row in rows} == {2}
    numbers = [row["attempt_id"] for row in rows]
    assert numbers == [numbers[0]] * CHECKPOINT + [numbers[-1]] * (STEPS - CHECKPOINT)
    assert numbers[0] != numbers[-1]
    report = json.loads(
        command("report", "--run", str(rows[0]["run_id"]), "--json", "--store", store)
    )
    assert "missing_ranks" not in json.dumps(report)
    assert (report["run"]["world_size"], report["run"]["ranks"]) == (2, [0, 1])
    assert report["run"]["attempts"] == 2
