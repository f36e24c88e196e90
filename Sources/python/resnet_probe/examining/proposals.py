"""Sets of blocks that seem dispensable together, and so are removed together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from resnet_probe.blocks import BlockMap
from resnet_probe.examining.plan import Ordinals

#: Below this median of ‖y − x‖/‖x‖ a block is near the identity.
NEAR_IDENTITY = 0.05
#: Which rise of the loss is tolerated: of the loss itself, and at least where errors are counted.
_TOLERATED_SHARE = 0.02
_TOLERATED = 0.01

#: The mean angular distance of a span of blocks, by its first and its last.
Spans = Mapping[tuple[int, int], float]


def tolerance(loss: float, *, counts_errors: bool) -> float:
    """Which rise of the loss is tolerated; of a loss in other units than nats a share of it."""
    return max(_TOLERATED_SHARE * abs(loss), _TOLERATED if counts_errors else 0.0)


def near_identity(gaps: Mapping[int, float]) -> list[Ordinals]:
    """All blocks together whose median gap in eval mode is small, if there are two or more."""
    return _together(one for one, gap in gaps.items() if gap < NEAR_IDENTITY)


def each_tolerated(uppers: Mapping[int, float | None], tolerated: float) -> list[Ordinals]:
    """All blocks together of which each alone costs no more than is tolerated, by its bound."""
    return _together(
        one for one, upper in uppers.items() if upper is not None and upper <= tolerated
    )


def least_distant(spans: Spans, blocks: BlockMap, among: Collection[int]) -> list[Ordinals]:
    """Of each stage the spans of 2, 4, 8 … blocks, fewer than it has, that turn the stream least.

    Source: Gromov 2024, section 3, for one length over a whole network.
    """
    found = []
    for stage in sorted({block.stage for block in blocks}):
        whole = sum(block.stage == stage for block in blocks)
        within = {
            span: distance for span, distance in spans.items()
            if blocks[span[0]].stage == stage and all(one in among for one in _blocks_of(span))
        }  # fmt: skip
        length = 2
        while length < whole:
            fits = [span for span in within if span[1] - span[0] + 1 == length]
            if fits:
                found.append(_blocks_of(min(fits, key=lambda span: (within[span], span))))
            length *= 2
    return found


def _blocks_of(span: tuple[int, int]) -> Ordinals:
    return tuple(range(span[0], span[1] + 1))


def _together(ordinals: Iterable[int]) -> list[Ordinals]:
    found = tuple(sorted(ordinals))
    return [found] if len(found) > 1 else []
