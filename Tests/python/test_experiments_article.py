"""The article on the experiments has the table of a run in which every claim came out."""

from __future__ import annotations

import pathlib
import sys

import pytest

from journals import ROOT

ARTICLE = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc" / "Experiments.md"
FOLDERS = [ROOT / "Tests", ROOT / "Sources" / "python" / "examples"]
sys.path.extend(map(str, FOLDERS))

from experiments import table
from experiments.claim import Claim, number, several
from experiments.experiments import EXPERIMENTS, FAST
from experiments.rank_correlation import partial_spearman, spearman


def measured() -> list[table.Cells]:
    """The rows of the article's table."""
    text = ARTICLE.read_text(encoding="utf-8")
    return table.rows_in(text.split(table.BEGIN)[1].split(table.END)[0])


def test_the_article_has_a_table_of_all_experiments_in_which_every_claim_came_out() -> None:
    rows = measured()
    assert list(dict.fromkeys(row[0] for row in rows)) == list(EXPERIMENTS)
    assert all(len(row) == len(table.COLUMNS) for row in rows)
    assert [row for row in rows if row[4] != "ok"] == []


def test_the_article_says_what_each_experiment_shows() -> None:
    text = ARTICLE.read_text(encoding="utf-8")
    for name in EXPERIMENTS:
        assert f"- **{name}**" in text, name
    for option in ("--only", "--seeds", "--fast", "--article"):
        assert f"`{option}" in text, option
    slow = [name for name in EXPERIMENTS if name not in FAST]
    assert f"all but {', '.join(slow[:-1])} and {slow[-1]} at a small size" in text


def test_a_table_goes_between_the_markers_and_nowhere_else(tmp_path: pathlib.Path) -> None:
    rows = [
        table.Line("A", Claim("it falls", "÷ 2", "÷ 3", True), 1.4).cells,
        table.Line("B", Claim("it rises", "× 2", "× 1", False), 0.2).cells,
    ]
    text = table.table(rows)
    assert text.splitlines()[2:] == [
        "| A | it falls | ÷ 2 | ÷ 3 | ok | 1.4 |",
        "| B | it rises | × 2 | × 1 | FAILED | 0.2 |",
    ]
    path = tmp_path / "article.md"
    path.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.put_into(path, "a machine", rows, ["A", "B"])
    inner = f"2 s on a machine.\n\n{text}"
    assert path.read_text() == f"before\n{table.BEGIN}\n\n{inner}\n\n{table.END}\nafter\n"
    with pytest.raises(ValueError, match="wider than 120 characters"):
        table.put_into(path, "x" * 121, rows, ["A", "B"])
    path.write_text("no markers")
    with pytest.raises(ValueError, match="no place for the table"):
        table.put_into(path, "a machine", rows, ["A", "B"])


def test_experiments_that_were_made_anew_replace_their_own_rows_alone() -> None:
    def row(name: str, measured: str) -> table.Cells:
        return name, "a claim", "", measured, "ok", "1.0"

    before = [row("A", "1"), row("A", "2"), row("B", "3"), row("gone", "4")]
    after = table.renewed(before, [row("A", "5"), row("C", "6")], ["A", "C", "B"])
    assert [(cells[0], cells[3]) for cells in after] == [("A", "5"), ("C", "6"), ("B", "3")]


def test_numbers_are_short() -> None:
    assert [number(value) for value in (0.0124, 1.0, 62.4, 123.0, 6.03e9)] == [
        "0.012", "1", "62", "123", "6e9",
    ]  # fmt: skip
    assert several([0.5, 0.25]) == "0.5 0.25"
    assert several([4.0, 1.0, 2.0, 3.0]) == "1 … 4"


def test_rank_correlations_are_those_of_the_definition() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 25]) == pytest.approx(0.8)
    # Ties at their mean rank: ranks 1.5 1.5 3 4 against 1 2 3 4.
    assert spearman([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486833)
    first, second, third = [1, 2, 3, 4, 5], [2, 1, 4, 3, 5], [1, 3, 2, 5, 4]
    a, b, c = spearman(first, second), spearman(first, third), spearman(second, third)
    assert (a, b, c) == pytest.approx((0.8, 0.8, 0.3))
    assert partial_spearman(first, second, third) == pytest.approx(0.56 / (0.36 * 0.91) ** 0.5)
