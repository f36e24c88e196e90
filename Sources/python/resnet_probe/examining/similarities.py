"""How alike the blocks of a network are, as values; prints as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resnet_probe.journal.reuse_wire import Reuse
from resnet_probe.journal.similarity_wire import Similarity


@dataclass(frozen=True, slots=True, repr=False)
class Similarities:
    """Pairs of blocks over the probe set, in eval mode; iterates over them."""

    #: The blocks' names, by ordinal.
    names: tuple[str, ...]
    #: Every pair that something is known of: ascending, the earlier block first.
    pairs: tuple[Similarity, ...]
    #: The rows of the reuse matrix, of dense blocks.
    reuse: tuple[Reuse, ...] = ()
    #: One sentence for each thing that is missing.
    left_out: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Similarity]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def between(self, first: int, last: int) -> Similarity | None:
        """Of two blocks by ordinal, the earlier one first; a block and itself is its own span."""
        return next((one for one in self.pairs if (one.first, one.last) == (first, last)), None)

    def __repr__(self) -> str:
        spans = sum(pair.gap_samples > 0 for pair in self.pairs)
        aligned = sum(pair.cka is not None for pair in self.pairs)
        head = f"{_counted(len(self.names), 'block')}: {_counted(spans, 'span')}"
        head += f", {_counted(aligned, 'pair')} with CKA"
        head += f", reuse by {_counted(len(self.reuse), 'dense block')}" if self.reuse else ""
        own = {pair.first: pair for pair in self.pairs if pair.first == pair.last}
        following = {pair.first: pair for pair in self.pairs if pair.first + 1 == pair.last}
        rows = [("block", "angle", "span gap", "CKA with the next", "of the branches")]
        for ordinal, name in enumerate(self.names):
            span, after = own.get(ordinal), following.get(ordinal)
            has_angle = span is not None and span.angular_distance.n > 0
            rows.append(
                (
                    name,
                    _number(span.angular_distance.mean if span is not None and has_angle else None),
                    _number(None if span is None else span.span_gap),
                    _number(None if after is None else after.cka),
                    _number(None if after is None else after.branch_cka),
                )
            )
        return "\n".join([head, "", *_table(rows), *[f"! {words}" for words in self.left_out]])


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" + "s" * (number != 1)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return lines
