"""Removes one set of blocks after another and writes down what each did."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from resnet_probe.examining.bootstrap import Bootstrap
from resnet_probe.examining.comparison import Comparison
from resnet_probe.examining.curving import Curving
from resnet_probe.examining.examination import BlockAblation, Examination
from resnet_probe.examining.plan import Ordinals, what_fits
from resnet_probe.examining.progress import Progress, Stop, Stopped, duration
from resnet_probe.examining.proposals import tolerance
from resnet_probe.examining.records import Records
from resnet_probe.examining.remarks import of_lagging, of_padding
from resnet_probe.examining.rounds import TOLERANCE, Rounds
from resnet_probe.examining.similarities import Similarities
from resnet_probe.examining.subject import Subject
from resnet_probe.journal.frame import LogDistribution
from resnet_probe.journal.head_wire import ExaminationHead
from resnet_probe.notices import ProbeError, write_line
from resnet_probe.summary import first_names

#: The most blocks left out that one line names.
_MOST_LEFT_OUT = 3


class Ablating:
    """One examination under way, for use within `kept_state`."""

    def __init__(
        self, subject: Subject, rounds: Rounds, sets: list[Ordinals], identity: bytes,
        bootstrap: Bootstrap, stop: Stop, progress: Progress, *, curve: bool,
    ) -> None:  # fmt: skip
        assert subject.blocks is not None
        self._subject = subject
        self._blocks = subject.blocks
        self._rounds = rounds
        self._sets = sets
        self._records = Records(subject, identity)
        self._bootstrap = bootstrap
        self._stop = stop
        self._progress = progress
        self._has_curve = curve
        self._curving: Curving | None = None
        self._left_out: list[str] = []
        self._similarities: Similarities | None = None
        self._similar_in = b""  # the examination that they were written in last
        self._impossible: list[Ordinals] = []
        self._tried = 0

    def run(self) -> Examination | None:
        """Measures what is missing; None where nothing could be.

        Raises:
            ProbeError: Where the untouched network has no loss to compare with.
            Stopped: After an interrupt before the first set.
        """
        self._records.take_earlier()
        base = self._rounds.untouched()
        comparison = Comparison(base, self._bootstrap)
        if not math.isfinite(comparison.loss):
            raise ProbeError.explain(
                "examine", type(self._subject.network).__name__, *_not_finite(base.losses)
            )
        self._check_earlier(comparison.loss)
        sets, self._left_out = what_fits(self._sets, self._blocks, self._rounds.passes)
        gaps = self._rounds.passes.gaps(self._blocks)
        self._compare_blocks()
        if self._has_curve:
            self._curving = Curving(
                self._records, self._blocks, [one[0] for one in sets if len(one) == 1],
                {ordinal: gap.p50 for ordinal, gap in gaps.items() if gap.p50 is not None},
                tolerance(comparison.loss, counts_errors=comparison.error is not None),
                self._spans(),
            )  # fmt: skip
        self._await(sets)
        self._say_cost(sets)
        self._remark(comparison.loss)
        self._put_similarities(comparison)
        left = self._measure_all(sets, comparison, gaps)
        self._put_similarities(comparison)
        return self._result(comparison.loss, comparison.error, left=left)

    def _await(self, sets: list[Ordinals]) -> None:
        along = [] if self._curving is None else self._curving.known()
        self._records.known = {*sets, *along}.difference(self._impossible)

    def _measure_all(
        self, sets: list[Ordinals], comparison: Comparison, gaps: Mapping[int, LogDistribution]
    ) -> int:
        """Measures and writes one set after another; how many are left."""
        try:
            for ordinals in sets:
                if ordinals not in self._records.done:
                    self._measure(ordinals, comparison, gaps)
            self._leave_out(sets)
            if self._curving is not None:
                for ordinals in self._curving.wanted():
                    self._measure(ordinals, comparison, gaps)
                self._leave_out(sets)
        except (Stopped, KeyboardInterrupt) as stopped:
            if self._stop.goes_on(stopped):
                raise
            return self._say_stopped(sets)
        return 0

    def _measure(
        self, ordinals: Ordinals, comparison: Comparison, gaps: Mapping[int, LogDistribution]
    ) -> None:
        """Measures and writes what removing a set does, or that it cannot be removed.

        Raises:
            Stopped: Where the time is over, or after an interrupt.
        """
        if self._tried > 0 and self._stop.is_late:  # each call gets on by one at least
            raise Stopped
        self._progress.at(self._tried)
        self._tried += 1
        try:
            outcome = self._rounds.without(ordinals)
        except (Stopped, KeyboardInterrupt):
            raise
        except Exception as problem:
            words = " ".join(str(problem).split())[:200] or type(problem).__name__
            self._left_out.append(f"{self._named(ordinals)} is left out: {words}")
            self._impossible.append(ordinals)
            if self._curving is not None:
                self._curving.failed.add(ordinals)
            return
        ablation = comparison.of(
            outcome, ordinals, identity=self._records.identity, step=self._subject.step,
            planned=self._records.planned,
        )  # fmt: skip
        if len(ordinals) == 1:
            ablation.identity_gap = gaps.get(ordinals[0])
        self._records.put(ablation)

    def _compare_blocks(self) -> None:
        """What the untouched passes say of how alike blocks are."""
        if self._rounds.watch is not None:
            self._similarities = self._rounds.watch.similarities(self._subject.network)
            for words in self._similarities.left_out:
                write_line(f"resnet-probe: examine: {words}")

    def _spans(self) -> dict[tuple[int, int], float]:
        return {
            (pair.first, pair.last): pair.angular_distance.mean
            for pair in self._similarities or ()
            if pair.angular_distance.n > 0
        }

    def _put_similarities(self, comparison: Comparison) -> None:
        """Writes how alike blocks are, again where it has become another examination."""
        subject, found, records = self._subject, self._similarities, self._records
        if found is None or self._similar_in == records.identity or records.planned == 0:
            return
        self._similar_in = records.identity
        head = ExaminationHead(
            records.identity, subject.step, self._rounds.samples, records.planned, comparison.loss,
            comparison.error, self._bootstrap.confidence,
        )  # fmt: skip
        if subject.recording is not None:
            subject.recording.put_similarities(head, found.pairs, found.reuse)

    def _leave_out(self, sets: list[Ordinals]) -> None:
        """What cannot be removed is not awaited, and what cannot be removed alone is in no order."""
        awaited = [one for one in self._impossible if one in self._records.known]
        if self._curving is not None:
            self._curving.leave_out({one[0] for one in self._impossible if len(one) == 1})
        self._await(sets)
        if awaited:
            self._records.leave_out(awaited)

    def _check_earlier(self, loss: float) -> None:
        """What was measured before stands if the untouched network still has that loss.

        It may have another by what no identity can know: attributes, globals of a loss.
        """
        spread = max(self._rounds.spread, TOLERANCE * max(1e-6, abs(loss)))
        if not all(abs(one.base_loss - loss) <= spread for one in self._records.done.values()):
            self._records.begin_anew(loss)

    # What is said

    def _remark(self, loss: float) -> None:
        subject, rounds = self._subject, self._rounds
        for words in (
            of_padding(rounds.losses),
            of_lagging(rounds, subject.network, loss, subject.training_loss),
        ):
            if words is not None:
                write_line(f"resnet-probe: examine: {words}")

    def _say_cost(self, sets: list[Ordinals]) -> None:
        batches, planned = self._rounds.batches, len(sets)
        todo = sum(one not in self._records.done for one in sets)
        along = 0 if self._curving is None else self._curving.left()
        before = f", {planned - todo} of them measured before" if planned != todo else ""
        if todo == 0:
            before = ", all of them measured before"
        of = "block" if all(len(one) == 1 for one in self._sets) else "set of blocks"
        words = f"{planned} {_plural(of, planned)}{before}"
        if along:
            words += f"{',' if before else ''} and about {along} {_plural('set', along)} of them"
        if todo or along:
            seconds = duration(self._rounds.seconds_a_round() * (todo + along))
            words += f" × {batches} {_plural('batch', batches)}, about {seconds}"
        if self._rounds.spread:
            words += f"; two passes over the same rows differ by {self._rounds.spread:.1g} in loss"
        self._progress.begin(todo + along, words)

    def _say_stopped(self, sets: list[Ordinals]) -> int:
        alone = sum(one not in self._records.done and one not in self._impossible for one in sets)
        along = 0 if self._curving is None else self._curving.left()
        left = f"about {alone + along}" if along else str(alone)
        self._progress.end()
        write_line(
            f"resnet-probe: examine: stopped with {len(self._records.done)} measured; {left} are left,"
            " with which the same call goes on"
        )
        return alone + along

    def _named(self, ordinals: Ordinals) -> str:
        return first_names([self._blocks[ordinal].name for ordinal in ordinals])

    def _result(self, loss: float, error: float | None, *, left: int) -> Examination:
        curving, done = self._curving, self._records.done
        sets = dict.fromkeys([*self._sets, *(curving.proposed if curving is not None else ())])
        if self._left_out:
            self._progress.end()
            more = len(self._left_out) - _MOST_LEFT_OUT
            words = "; ".join(self._left_out[:_MOST_LEFT_OUT])
            write_line(
                f"resnet-probe: examine: {words}" + (f"; and {more} more" if more > 0 else "")
            )
        names = [block.name for block in self._blocks]
        return Examination(
            self._subject.step, self._rounds.samples, loss, error, self._bootstrap.confidence,
            tuple(BlockAblation.of(done[one], names) for one in sets if one in done),
            tuple(self._left_out), left, self._similarities,
            None if curving is None else curving.result(),
        )  # fmt: skip


def _plural(word: str, number: int) -> str:
    if number == 1:
        return word
    if word.startswith("set "):
        return "sets" + word[3:]
    return word + ("es" if word.endswith("ch") else "s")


def _not_finite(losses: torch.Tensor) -> tuple[str, str]:
    """Why the mean of some losses is not finite, and what to do."""
    bad = torch.nonzero(~torch.isfinite(losses)).flatten().tolist()
    if not bad:
        row = int(losses.abs().argmax())
        return (
            f"the mean of {len(losses)} finite losses (up to {losses[row]:.2g}) is not finite",
            f"look at the loss of row {row} of the probe set, the greatest, or scale the losses down",
        )
    return (
        f"{len(bad)} of {len(losses)} samples have no finite loss with all blocks in place",
        f"look at the input of row {bad[0]} of the probe set, and at its loss alone",
    )
