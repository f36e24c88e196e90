"""Removes one set of blocks after another and writes down what each did."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from resnet_probe.examining.bootstrap import Bootstrap
from resnet_probe.examining.comparison import Comparison
from resnet_probe.examining.contents import identity_of
from resnet_probe.examining.earlier import measured_before
from resnet_probe.examining.examination import BlockAblation, Examination
from resnet_probe.examining.plan import Ordinals, what_fits
from resnet_probe.examining.progress import Progress, Stop, Stopped, duration
from resnet_probe.examining.remarks import of_lagging, of_padding
from resnet_probe.examining.rounds import TOLERANCE, Rounds
from resnet_probe.examining.similarities import Similarities
from resnet_probe.examining.subject import Subject
from resnet_probe.journal.ablation_wire import Ablation
from resnet_probe.journal.head_wire import ExaminationHead
from resnet_probe.journal.spool import SpoolFolder
from resnet_probe.notices import ProbeError, write_line
from resnet_probe.summary import first_names

#: The most blocks left out that one line names.
_MOST_LEFT_OUT = 3


class Ablating:
    """One examination under way, for use within `kept_state`."""

    def __init__(
        self, subject: Subject, rounds: Rounds, sets: list[Ordinals], identity: bytes,
        bootstrap: Bootstrap, stop: Stop, progress: Progress,
    ) -> None:  # fmt: skip
        assert subject.blocks is not None
        self._subject = subject
        self._blocks = subject.blocks
        self._rounds = rounds
        self._sets = sets
        self._identity = identity
        self._bootstrap = bootstrap
        self._stop = stop
        self._progress = progress
        self._done: dict[Ordinals, Ablation] = {}
        self._left_out: list[str] = []
        self._similarities: Similarities | None = None
        self._similar_in = b""  # the examination that they were written in last

    def run(self) -> Examination | None:
        """Measures what is missing; None where nothing could be.

        Raises:
            ProbeError: Where the untouched network has no loss to compare with.
            Stopped: After an interrupt before the first set.
        """
        self._take_earlier()
        base = self._rounds.untouched()
        comparison = Comparison(base, self._bootstrap)
        if not math.isfinite(comparison.loss):
            bad = torch.nonzero(~torch.isfinite(base.losses)).flatten().tolist()
            raise ProbeError.explain(
                "examine", type(self._subject.network).__name__,
                f"{len(bad)} of {len(base.losses)} samples have no finite loss with all blocks in place",
                f"look at the input of row {bad[0] if bad else 0} of the probe set, and at its loss alone",
            )  # fmt: skip
        self._check_earlier(comparison.loss)
        sets, self._left_out = what_fits(self._sets, self._blocks, self._rounds.passes)
        todo = [one for one in sets if one not in self._done]
        self._say_cost(len(sets), len(todo))
        self._remark(comparison.loss)
        planned = len({*sets, *self._done})
        self._put_similarities(comparison, planned)
        left = self._measure(todo, comparison, planned)
        self._put_similarities(comparison, max(len(self._done), planned))
        return self._result(comparison.loss, comparison.error, left=left)

    def _measure(self, todo: list[Ordinals], comparison: Comparison, planned: int) -> int:
        """Measures and writes one set after another; how many are left.

        `planned` are the sets of the whole examination, those of earlier calls too.
        """
        gaps = self._rounds.passes.gaps(self._blocks)
        impossible: list[Ordinals] = []
        for done, ordinals in enumerate(todo):
            if done > 0 and self._stop.is_late:  # each call gets on by one at least
                return self._say_stopped(len(todo) - done)
            self._progress.at(done)
            try:
                outcome = self._rounds.without(ordinals)
            except (Stopped, KeyboardInterrupt) as stopped:
                if self._stop.goes_on(stopped):
                    raise
                return self._say_stopped(len(todo) - done)
            except Exception as problem:
                words = " ".join(str(problem).split())[:200] or type(problem).__name__
                self._left_out.append(f"{self._named(ordinals)} is left out: {words}")
                impossible.append(ordinals)
                continue
            ablation = comparison.of(
                outcome, ordinals, identity=self._identity, step=self._subject.step, planned=planned
            )
            if len(ordinals) == 1:
                ablation.identity_gap = gaps.get(ordinals[0])
            self._put(ablation)
        if impossible:
            self._leave_out(impossible, planned - len(impossible))
        return 0

    def _put(self, ablation: Ablation) -> None:
        self._done[ablation.ordinals] = ablation
        if self._subject.recording is not None:
            self._subject.recording.put_ablation(ablation)

    def _put_similarities(self, comparison: Comparison, planned: int) -> None:
        """Writes how alike blocks are, again where it has become another examination."""
        watch, subject = self._rounds.watch, self._subject
        if watch is None or self._similar_in == self._identity:
            return
        self._similar_in = self._identity
        if self._similarities is None:
            self._similarities = watch.similarities(subject.network)
            for words in self._similarities.left_out:
                write_line(f"resnet-probe: examine: {words}")
        head = ExaminationHead(
            self._identity, subject.step, self._rounds.samples, planned, comparison.loss,
            comparison.error, self._bootstrap.confidence,
        )  # fmt: skip
        if subject.recording is not None:
            found = self._similarities
            subject.recording.put_similarities(head, found.pairs, found.reuse)

    # What came before

    def _take_earlier(self) -> None:
        """Takes what was measured before; of an earlier attempt it is written into this one's too.

        So each attempt's examination is complete by itself, once it is.
        """
        ranks = self._subject.ranks
        folder = SpoolFolder(self._subject.settings.environment.spool)
        try:
            found = measured_before(folder, ranks.run, ranks.attempt, self._identity)
        finally:
            folder.close()
        for one in found.values():
            if one.attempt == ranks.attempt:
                self._done[one.ablation.ordinals] = one.ablation
            else:
                self._put(one.ablation)

    def _check_earlier(self, loss: float) -> None:
        """What was measured before stands if the untouched network still has that loss.

        It may have another by what no identity can know: attributes, globals of a loss.
        """
        spread = max(self._rounds.spread, TOLERANCE * max(1e-6, abs(loss)))
        if all(abs(one.base_loss - loss) <= spread for one in self._done.values()):
            return
        self._identity = identity_of([self._identity, f"{loss:.3g}".encode()])
        self._done = {}
        self._take_earlier()

    # What is said

    def _remark(self, loss: float) -> None:
        subject, rounds = self._subject, self._rounds
        for words in (
            of_padding(rounds.losses),
            of_lagging(rounds, subject.network, loss, subject.training_loss),
        ):
            if words is not None:
                write_line(f"resnet-probe: examine: {words}")

    def _say_cost(self, planned: int, todo: int) -> None:
        batches = self._rounds.batches
        before = f", {planned - todo} of them measured before" if planned != todo else ""
        seconds = duration(self._rounds.seconds_a_round() * todo)
        of = "block" if all(len(one) == 1 for one in self._sets) else "set of blocks"
        words = (
            f"{planned} {_plural(of, planned)}{before} × {batches} {_plural('batch', batches)},"
            f" about {seconds}"
        )
        if todo == 0:
            words = f"{planned} {_plural(of, planned)}, all of them measured before"
        if self._rounds.spread:
            words += f"; two passes over the same rows differ by {self._rounds.spread:.1g} in loss"
        self._progress.begin(todo, words)

    def _say_stopped(self, left: int) -> int:
        self._progress.end()
        write_line(
            f"resnet-probe: examine: stopped with {len(self._done)} measured; {left} are left,"
            " with which the same call goes on"
        )
        return left

    def _leave_out(self, impossible: list[Ordinals], planned: int) -> None:
        """What cannot be removed is not awaited: the examination becomes one without it."""
        for ordinals in impossible:
            self._identity = identity_of([self._identity, repr(ordinals).encode()])
        before, self._done = self._done, {}
        self._take_earlier()
        for one in before.values():
            if one.ordinals not in self._done:
                self._put(replace(one, examination=self._identity, planned=planned))

    def _named(self, ordinals: Ordinals) -> str:
        return first_names([self._blocks[ordinal].name for ordinal in ordinals])

    def _result(self, loss: float, error: float | None, *, left: int) -> Examination:
        ablations = [self._done[one] for one in self._sets if one in self._done]
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
            tuple(BlockAblation.of(one, names) for one in ablations), tuple(self._left_out), left,
            self._similarities,
        )  # fmt: skip


def _plural(word: str, number: int) -> str:
    if number == 1:
        return word
    if word.startswith("set "):
        return "sets" + word[3:]
    return word + ("es" if word.endswith("ch") else "s")
