"""The article on costs has the benchmark's tables, with every way that it compares."""

from __future__ import annotations

import pathlib
import sys

import pytest

from journals import ROOT

BENCHMARKS = ROOT / "Tests" / "Benchmarks"
ARTICLE = ROOT / "Sources" / "resnet-probe" / "ResnetProbe.docc" / "Cost.md"
sys.path.insert(0, str(BENCHMARKS))

from recorder import article, table, ways


def measured() -> list[list[str]]:
    """The rows of the tables between the article's markers, as cells."""
    text = ARTICLE.read_text(encoding="utf-8")
    between = text.split(article.BEGIN)[1].split(article.END)[0]
    lines = [line for line in between.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_article_has_the_tables_of_the_benchmark() -> None:
    rows = measured()
    assert list(table.COLUMNS) in rows
    assert list(table.OWN_COLUMNS) in rows
    networks = {row[0] for row in rows} - {"network"}
    assert len(networks) >= 3
    for network in networks:
        named = [row[1] for row in rows if row[0] == network and len(row) == len(table.COLUMNS)]
        assert named == list(ways.NAMES)
        assert sum(row[0] == network and len(row) == len(table.OWN_COLUMNS) for row in rows) == 1


def test_rows_pair_the_steps_of_a_round() -> None:
    bare = table.Compared("", [0.010, 0.020, 0.040])
    way = table.Compared("twice", [0.020, 0.040, 0.080], peak=1.5)
    (row,) = table.compared_rows("net", bare, [way])
    assert row == ["net", "twice", "2.000", "2.000–2.000", "20", "1.500"]


def test_tables_go_between_the_markers_and_nowhere_else(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "article.md"
    path.write_text(f"before\n{article.BEGIN}\nold\n{article.END}\nafter\n")
    article.put_into(path, "new")
    wanted = f"before\n{article.BEGIN}\n\nnew\n\n{article.END}\nafter\n"
    assert path.read_text() == wanted
    article.put_into(path, "new")
    assert path.read_text() == wanted
    path.write_text("no markers")
    with pytest.raises(ValueError, match="no place for the tables"):
        article.put_into(path, "new")
