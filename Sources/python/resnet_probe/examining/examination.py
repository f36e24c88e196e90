"""What an examination found, as values; prints as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from resnet_probe.examining.curve import Curve
from resnet_probe.examining.similarities import Similarities
from resnet_probe.examining.table import of_rows, signed
from resnet_probe.journal.ablation_wire import Ablation

#: Of how many blocks at most a row names all.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class BlockAblation:
    """What removing one block, or several together, does to the loss of the probe set."""

    #: The blocks' places in the network.
    ordinals: tuple[int, ...]
    #: The block's name; of several all of them.
    name: str
    #: Mean over samples of the loss without the block minus the loss; None where no loss was finite.
    loss_change: float | None
    #: One-sided bound of `loss_change`, by a paired bootstrap; None where some loss was not finite.
    lower: float | None
    #: The same from above.
    upper: float | None
    #: Share of wrong predictions without the block minus the share; None where none are counted.
    error_change: float | None
    #: One-sided bounds of `error_change`.
    error_lower: float | None
    #: The same from above.
    error_upper: float | None
    #: Samples whose loss without the block was NaN or infinite.
    non_finite: int
    #: Median of ‖y − x‖/‖x‖ over the probe set in eval mode; None where the block has none.
    identity_gap: float | None

    @classmethod
    def of(cls, ablation: Ablation, names: list[str]) -> BlockAblation:
        """From a record, with the names of all blocks."""
        change, gap = ablation.loss_change, ablation.identity_gap
        return cls(
            ablation.ordinals, " + ".join(names[place] for place in ablation.ordinals),
            change.mean if change.n else None,
            ablation.loss_change_lower, ablation.loss_change_upper,
            ablation.error_change, ablation.error_change_lower, ablation.error_change_upper,
            ablation.non_finite, None if gap is None else gap.p50,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Examination:
    """Ablations of one network at one step; iterates over its blocks, then over sets of them."""

    #: The optimizer steps done.
    step: int
    #: Rows of the probe set.
    samples: int
    #: Mean loss of the untouched network in eval mode.
    base_loss: float
    #: Its share of wrong predictions; None where none are counted.
    base_error: float | None
    #: Of each bound, one-sided.
    confidence: float
    #: What was measured, by ordinal.
    blocks: tuple[BlockAblation, ...]
    #: One sentence for each block that could not be removed so.
    left_out: tuple[str, ...] = ()
    #: How many are still to be measured, where it was stopped.
    remaining: int = 0
    #: How alike blocks are; None where that was not asked for.
    similarity: Similarities | None = None
    #: The loss along orders of removal; None without `curve`, or before it was begun.
    curve: Curve | None = None

    def __iter__(self) -> Iterator[BlockAblation]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, place: int) -> BlockAblation:
        return self.blocks[place]

    def __repr__(self) -> str:
        error = "" if self.base_error is None else f", error {self.base_error:.2%}"
        head = (
            f"step {self.step}, {self.samples} samples in eval mode: loss {self.base_loss:.4g}{error};"
            f" one-sided {self.confidence:.0%} bounds"
        )
        rows: list[tuple[str, ...]] = [
            ("block removed", "loss change", "lower", "upper", "error change", "identity gap")
        ]
        rows += [_row(one) for one in self.blocks]
        lines = of_rows(rows)
        if self.curve is not None:
            lines += ["", *repr(self.curve).splitlines()]
        lines += [f"! {sentence}" for sentence in self.left_out]
        if self.remaining:
            lines.append(f"! {self.remaining} not measured yet: the same call goes on")
        return "\n".join([head, "", *lines])


def _row(one: BlockAblation) -> tuple[str, ...]:
    if one.non_finite:
        change, bounds = f"{one.non_finite} not finite", ("", "")
    else:
        change, bounds = signed(one.loss_change), (signed(one.lower), signed(one.upper))
    error = "" if one.error_change is None else f"{100 * one.error_change:+.2f} %"
    gap = "" if one.identity_gap is None else f"{one.identity_gap:.3g}"
    return _short(one), change, *bounds, error, gap


def _short(one: BlockAblation) -> str:
    """The name; of many blocks the first and the last."""
    names = one.name.split(" + ")
    if len(names) <= _MOST_NAMED:
        return one.name
    return f"{names[0]} + {len(names) - 2} more + {names[-1]}"
