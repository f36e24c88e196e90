"""Where the article takes the tables: between two markers."""

from __future__ import annotations

import pathlib

BEGIN = "<!-- measured: Tests/Benchmarks/recorder_overhead.py -->"
END = "<!-- end -->"


def put_into(article: pathlib.Path, text: str) -> None:
    """Replaces what stands between the markers."""
    whole = article.read_text(encoding="utf-8")
    before, _, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{article} has no place for the tables: {BEGIN} … {END}")
    article.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
