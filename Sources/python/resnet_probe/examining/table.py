"""Tables of text."""

from __future__ import annotations

from collections.abc import Sequence


def of_rows(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The lines of a table with a rule below its first row, without the columns that are empty."""
    is_told = [any(row[column] for row in rows[1:]) for column in range(len(rows[0]))]
    told = [tuple(cell for cell, is_in in zip(row, is_told, strict=True) if is_in) for row in rows]
    widths = [max(map(len, column)) for column in zip(*told, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in told
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return lines


def signed(value: float | None) -> str:
    """A change in four digits; nothing where there is none."""
    return "" if value is None else f"{value:+.4g}"
