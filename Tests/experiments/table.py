"""The one table that a run of the experiments prints, and its place in the article."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from experiments.claim import Claim

BEGIN = "<!-- measured: Tests/experiments -->"
END = "<!-- end -->"
COLUMNS = ("", "claim", "expected", "measured", "verdict", "s")
WIDEST = 120  # characters of a line in an article

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A claim of an experiment with the seconds that it took since the one before."""

    experiment: str
    claim: Claim
    seconds: float

    @property
    def cells(self) -> Cells:
        """As the table has it."""
        claim = self.claim
        verdict = "ok" if claim.holds else "FAILED"
        return (
            self.experiment, claim.text, claim.expected, claim.measured, verdict,
            f"{self.seconds:.1f}",
        )  # fmt: skip


def table(rows: list[Cells]) -> str:
    """Claims in Markdown."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def rows_in(text: str) -> list[Cells]:
    """The claims of a table in a text; none where it has none."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines[2:]]


def renewed(before: list[Cells], rows: list[Cells], order: list[str]) -> list[Cells]:
    """The claims of before, but for the experiments that were made anew."""
    made = {row[0] for row in rows}
    kept = [row for row in before if row[0] not in made and row[0] in order]
    return sorted(kept + rows, key=lambda row: order.index(row[0]))


def put_into(article: pathlib.Path, machine: str, rows: list[Cells], order: list[str]) -> None:
    """Renews the table between the markers, under what it was measured on and how long it took."""
    whole = article.read_text(encoding="utf-8")
    before, _, rest = whole.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{article} has no place for the table: {BEGIN} … {END}")
    claims = renewed(rows_in(between), rows, order)
    seconds = sum(float(row[-1]) for row in claims)
    text = f"{seconds:.0f} s on {machine}.\n\n{table(claims)}"
    wide = [line for line in text.splitlines() if len(line) > WIDEST]
    if wide:
        raise ValueError(f"a line is wider than {WIDEST} characters: {wide[0]}")
    article.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
