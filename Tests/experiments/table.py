"""The one table that a run of the experiments prints, and its place in the article."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

from experiments.claim import Claim

BEGIN = "<!-- measured: Tests/experiments -->"
END = "<!-- end -->"
COLUMNS = ("", "claim", "expected", "measured", "verdict", "s")
WIDEST = 120  # characters of a line in an article


@dataclass(frozen=True)
class Line:
    """A claim of an experiment with the seconds that it took since the one before."""

    experiment: str
    claim: Claim
    seconds: float

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table has it."""
        claim = self.claim
        verdict = "ok" if claim.holds else "FAILED"
        return (
            self.experiment, claim.text, claim.expected, claim.measured, verdict,
            f"{self.seconds:.1f}",
        )  # fmt: skip


def table(lines: list[Line]) -> str:
    """All claims in Markdown."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(line.cells for line in lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def put_into(article: pathlib.Path, text: str) -> None:
    """Replaces what stands between the markers."""
    wide = [line for line in text.splitlines() if len(line) > WIDEST]
    if wide:
        raise ValueError(f"a line is wider than {WIDEST} characters: {wide[0]}")
    whole = article.read_text(encoding="utf-8")
    before, _, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{article} has no place for the table: {BEGIN} … {END}")
    article.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
