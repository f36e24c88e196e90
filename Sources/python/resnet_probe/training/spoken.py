"""What a training hears of its probe: one line at the first measured step, or why there is none."""

from __future__ import annotations

from collections.abc import Collection

from resnet_probe.blocks import BlockMap
from resnet_probe.measuring.step import MeasuredStep
from resnet_probe.notices import Notices, write_line
from resnet_probe.summary import MOST_NAMES, summary_line, why_nothing
from resnet_probe.training.ranks import Ranks

#: The most training forwards that a step may have.
MOST_FORWARDS = 1000
#: What is said of a step that has more.
NO_STEP = (
    f"{MOST_FORWARDS} training forwards came without a step of the optimizer, and the step is left"
    " out: attach again with the optimizer that the loop steps, or call probe.step()"
)


class Spoken:
    """Says each thing of one training once; remembers why nothing was recorded so far."""

    def __init__(self, notices: Notices, name: str, ranks: Ranks) -> None:
        self._notices = notices
        self._name = name
        self._ranks = ranks
        self.is_sharded = False  # whether each rank holds a part of the parameters
        self._reasons: dict[str, None] = {}
        self._has_spoken = False
        self._has_explained = False

    def note(self, reason: str) -> None:
        """A forward was no training, for this reason (the keys of `summary.why_nothing`)."""
        if not self._has_spoken:
            self._reasons[reason] = None

    def step(self, step: MeasuredStep, blocks: BlockMap | None) -> None:
        """A measured step ended: the first with a frame gets the line, on rank 0."""
        if self._has_spoken or blocks is None:
            return
        if not step.has_frame:
            self._reasons["no backward"] = None
            self.nothing()
            return
        self._has_spoken = True
        ranks = self._ranks
        if ranks.rank == 0:
            run = f"run {ranks.run.hex()[:8]}"
            if ranks.world_size > 1:
                run += f", {ranks.world_size} ranks"
            line = summary_line(self._name, run, blocks, step.fired, step.with_gradient)
            if self.is_sharded:
                line += "; parameters are sharded: their norms are left out"
            write_line(f"resnet-probe: {line}")

    def nothing(self) -> None:
        """A step ended of which nothing was recorded."""
        if self._has_explained or self._has_spoken:
            return
        self._has_explained = True
        self._notices.say("nothing", why_nothing(self._reasons))

    def no_blocks(self, found: BlockMap) -> None:
        """There is no block to record."""
        self._has_spoken = True
        why = f"blocks= chooses none of {len(found)}" if len(found) else "no block was found"
        more = "".join(f"; {remark}" for remark in found.remarks[:2])
        self._notices.say(
            "no blocks",
            f"nothing is recorded of the attached network: {why}{more}; see find_blocks,"
            " register_block and attach(blocks=…)",
        )

    def strangers(self, names: Collection[str]) -> None:
        """Blocks ran with other parameters than when they were found."""
        if names:
            shown = ", ".join(sorted(names)[:MOST_NAMES])
            self._notices.say(
                "strangers",
                "blocks ran with other parameters than when they were found and are left out of"
                f" such steps ({shown}); see find_blocks and attach(blocks=…)",
            )
