"""`examine`: what removing each block does to the loss of a fixed probe set, measured."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch

from resnet_probe.examining.bootstrap import Bootstrap
from resnet_probe.examining.calling import Forward
from resnet_probe.examining.contents import contents_of, identity_of
from resnet_probe.examining.earlier import measured_before
from resnet_probe.examining.examination import BlockAblation, Examination
from resnet_probe.examining.kept_state import kept_state
from resnet_probe.examining.losses import Compare, RowErrors, RowLosses
from resnet_probe.examining.plan import Chosen, Ordinals, planned_sets, what_fits
from resnet_probe.examining.probe_set import ProbeSet, read_probe_set
from resnet_probe.examining.progress import Progress, Stop, duration
from resnet_probe.examining.rounds import Outcome, Rounds, Stopped
from resnet_probe.examining.subject import Subject
from resnet_probe.finding.find import uncompiled
from resnet_probe.journal.ablation_wire import Ablation
from resnet_probe.journal.frame import LogDistribution, Moments
from resnet_probe.journal.spool import SpoolFolder
from resnet_probe.notices import ProbeError, write_line
from resnet_probe.sharding import has_sharded
from resnet_probe.summary import first_names
from resnet_probe.training.wrapped import network_within


@dataclass(frozen=True, slots=True)
class Options:
    """How to examine; see `Probe.examine`."""

    samples: int = 1024
    blocks: Chosen = None
    together: Sequence[Iterable[str | int]] = ()
    confidence: float = 0.95
    seconds: float | None = None
    progress: bool = True
    error_fn: Compare | None = None
    forward: Forward | None = None

    def check(self) -> None:
        """Raises a ProbeError, in one line, for what means nothing."""
        problems = (
            (isinstance(self.samples, int) and self.samples >= 2, "samples", "at least 2"),
            (0.5 < self.confidence < 1, "confidence", "above 0.5 and below 1"),
            (self.seconds is None or self.seconds > 0, "seconds", "above 0"),
        )
        for is_good, name, words in problems:
            if not is_good:
                value = getattr(self, name)
                raise ProbeError.explain("examine with", f"{name}={value!r}", f"it is {words}",
                                         "correct it")  # fmt: skip


def examine_in(
    subject: Subject, model: Any, batches: Any, loss_fn: Compare | None, options: Options
) -> Examination | None:
    """Examines the network of a training; nothing but what strict notices raise gets out."""
    notices = subject.notices
    try:
        if subject.ranks.rank != 0:
            write_line(f"resnet-probe: {notices.speaker}examine: rank 0 examines for all ranks")
            return None
        return examine(subject, model, batches, loss_fn, options)
    except ProbeError as error:
        notices.say(f"examine {error}", str(error))
    except Exception as problem:
        if notices.strict:
            raise
        words = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
        notices.say(
            f"examine {type(problem).__name__}",
            f"an examination failed and was left out ({words}); please report this",
        )
    return None


def examine(
    subject: Subject, model: Any, batches: Any, loss_fn: Compare | None, options: Options
) -> Examination | None:
    """Examines a network; None where nothing could be measured.

    Raises:
        ProbeError: In one line, for what keeps it from measuring anything.
    """
    options.check()
    _check(subject, model)
    assert subject.blocks is not None
    sets = planned_sets(subject.blocks, options.blocks, options.together)
    functions = [f for f in (loss_fn, options.error_fn) if isinstance(f, torch.nn.Module)]
    progress = Progress(is_shown=options.progress)
    with ExitStack() as within:
        stop = within.enter_context(Stop(options.seconds))
        within.enter_context(kept_state(subject.network, *functions))
        within.enter_context(uncompiled())
        within.callback(progress.end)
        probe_set = _read(batches, options.samples, by_row=loss_fn is None)
        one = _Examining(subject, probe_set, loss_fn, options, sets, stop, progress)
        return one.run()


def _check(subject: Subject, model: Any) -> None:
    """That there is something to examine and somewhere to write it."""
    name = type(subject.network).__name__
    given = network_within(model) if isinstance(model, torch.nn.Module) else model
    words: tuple[str, str] | None = None
    if subject.is_finished or (subject.recording is None and subject.blocks is not None):
        words = "its recording has ended", "call it before probe.finish()"
    elif given is not subject.network:
        words = (
            f"the model given ({type(given).__name__}) is not the attached one",
            "give the very network that attach was given",
        )
    elif has_sharded(subject.network):
        words = "its parameters are sharded", "examine a checkpoint of it in one process"
    elif subject.blocks is None:
        words = (
            "its blocks are not found yet",
            "call it after the first training step, or attach(example=…)",
        )
    elif len(subject.blocks) == 0:
        words = "no blocks were found in it", "see print(probe.blocks)"
    if words is not None:
        raise ProbeError.explain("examine", name, *words)


def _read(batches: Any, samples: int, *, by_row: bool) -> ProbeSet:
    if not isinstance(batches, Iterable) or isinstance(batches, torch.Tensor):
        raise ProbeError.explain(
            "examine with", f"batches of {type(batches).__name__}", "they cannot be read one by one",
            "give a loader, or a list of batches",
        )  # fmt: skip
    found = read_probe_set(batches, samples)
    return found.row_by_row() if by_row else found


class _Examining:
    """One examination under way, within `kept_state`."""

    def __init__(
        self, subject: Subject, probe_set: ProbeSet, loss_fn: Compare | None, options: Options,
        sets: list[Ordinals], stop: Stop, progress: Progress,
    ) -> None:  # fmt: skip
        assert subject.blocks is not None
        self._subject = subject
        self._blocks = subject.blocks
        self._probe_set = probe_set
        self._options = options
        self._sets = sets
        self._stop = stop
        self._progress = progress
        self._done: dict[Ordinals, Ablation] = {}
        self._left_out: list[str] = []
        is_keyed = any(isinstance(batch, dict) for batch in probe_set.batches)
        losses = RowLosses(loss_fn)
        errors = RowErrors(options.error_fn, counts_tokens=not is_keyed)
        self._identity = self._identified(losses, errors)
        self._rounds = Rounds(subject, probe_set, losses, errors, options.forward, stop)

    def run(self) -> Examination | None:
        """Measures what is missing."""
        self._take_earlier()
        if self._is_complete():
            return self._result(None, len(self._sets))
        try:
            base = self._rounds.untouched()
        except (Stopped, KeyboardInterrupt):
            write_line("resnet-probe: examine: stopped before anything was measured")
            return None
        base_loss = float(base.losses.mean())
        if not math.isfinite(base_loss):
            bad = int((~torch.isfinite(base.losses)).sum())
            raise ProbeError.explain(
                "examine", type(self._subject.network).__name__,
                f"{bad} of {len(base.losses)} samples have no finite loss with all blocks in place",
                "examine it before it diverges, or give a loss function that is finite",
            )  # fmt: skip
        sets, self._left_out = what_fits(self._sets, self._blocks, self._rounds.passes)
        todo = [one for one in sets if one not in self._done]
        self._say_cost(len(sets), len(todo))
        left = self._measure(todo, base, base_loss, len(sets))
        return self._result(base, left)

    def _measure(self, todo: list[Ordinals], base: Outcome, base_loss: float, planned: int) -> int:
        """Measures and writes one set after another; how many are left."""
        gaps = self._rounds.passes.gaps(self._blocks)
        bootstrap = Bootstrap(self._probe_set.samples, self._options.confidence)
        for done, ordinals in enumerate(todo):
            self._progress.at(done)
            try:
                outcome = self._rounds.without(ordinals)
            except (Stopped, KeyboardInterrupt):
                return self._say_stopped(len(todo) - done)
            except Exception as problem:
                planned -= 1
                self._leave_out(ordinals, problem, planned)
                continue
            gap = gaps.get(ordinals[0]) if len(ordinals) == 1 else None
            ablation = self._ablation(ordinals, outcome, base, base_loss, planned, bootstrap, gap)
            self._put(ablation)
        return 0

    def _put(self, ablation: Ablation) -> None:
        self._done[ablation.ordinals] = ablation
        if self._subject.recording is not None:
            self._subject.recording.put_ablation(ablation)

    def _ablation(
        self, ordinals: Ordinals, outcome: Outcome, base: Outcome, base_loss: float, planned: int,
        bootstrap: Bootstrap, gap: LogDistribution | None,
    ) -> Ablation:  # fmt: skip
        changes = outcome.losses - base.losses
        finite = torch.isfinite(outcome.losses)
        n = int(finite.sum())
        known = changes[finite]
        mean = float(known.mean()) if n else 0.0
        m2 = float((known - mean).square().sum()) if n > 1 else 0.0
        ablation = Ablation(
            self._identity, self._subject.step, time.time(), self._probe_set.samples, planned,
            base_loss, None if base.errors is None else float(base.errors.mean()),
            self._options.confidence, ordinals, Moments(n, mean, m2), self._probe_set.samples - n,
            identity_gap=gap,
        )  # fmt: skip
        if n == self._probe_set.samples:
            bounds = bootstrap.bounds(changes)
            ablation.loss_change_lower, ablation.loss_change_upper = bounds
            ablation.loss_change_even = float(changes[0::2].mean())
            ablation.loss_change_odd = float(changes[1::2].mean())
        if base.errors is not None and outcome.errors is not None:
            moved = outcome.errors - base.errors
            ablation.error_change = float(moved.mean())
            ablation.error_change_lower, ablation.error_change_upper = bootstrap.bounds(moved)
        return ablation

    # What came before

    def _identified(self, losses: RowLosses, errors: RowErrors) -> bytes:
        subject, options = self._subject, self._options
        said = (
            subject.step, losses.name, errors.name, options.confidence, self._probe_set.samples,
            self._sets,
        )  # fmt: skip
        return identity_of(
            [subject.ranks.run, repr(said).encode("utf-8", "backslashreplace"),
             self._probe_set.digest(), contents_of(subject.network)]
        )  # fmt: skip

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
        for one in (found[ordinals] for ordinals in self._sets if ordinals in found):
            if one.attempt == ranks.attempt:
                self._done[one.ablation.ordinals] = one.ablation
            else:
                self._put(one.ablation)

    def _is_complete(self) -> bool:
        """Whether nothing is left, by what was written last."""
        planned = [ablation.planned for ablation in self._done.values()]
        if not planned or len(self._done) < min(planned):
            return False
        missing = [one for one in self._sets if one not in self._done]
        self._left_out = [f"{self._named(one)} was left out before" for one in missing]
        return True

    # What is said

    def _say_cost(self, planned: int, todo: int) -> None:
        batches = len(self._probe_set.batches)
        before = f", {planned - todo} of them measured before" if planned != todo else ""
        seconds = duration(self._rounds.seconds_a_round() * todo)
        of = "block" if all(len(one) == 1 for one in self._sets) else "set of blocks"
        words = (
            f"{planned} {_plural(of, planned)}{before} × {batches} {_plural('batch', batches)},"
            f" about {seconds}"
        )
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

    def _leave_out(self, ordinals: Ordinals, problem: Exception, planned: int) -> None:
        """What cannot be removed is not awaited: the examination becomes one without it."""
        words = " ".join(str(problem).split())[:200] or type(problem).__name__
        self._left_out.append(f"{self._named(ordinals)} is left out: {words}")
        self._identity = identity_of([self._identity, repr(ordinals).encode()])
        for one in self._done.values():
            self._put(replace(one, examination=self._identity, planned=planned))

    def _named(self, ordinals: Ordinals) -> str:
        return first_names([self._blocks[ordinal].name for ordinal in ordinals])

    def _result(self, base: Outcome | None, left: int) -> Examination | None:
        ablations = [self._done[one] for one in self._sets if one in self._done]
        if self._left_out:
            self._progress.end()
            write_line(
                f"resnet-probe: examine: {'; '.join(self._left_out[:3])}"
                + (f"; and {len(self._left_out) - 3} more" if len(self._left_out) > 3 else "")
            )
        if base is None:
            loss, error, left = ablations[0].base_loss, ablations[0].base_error, 0
        else:
            loss = float(base.losses.mean())
            error = None if base.errors is None else float(base.errors.mean())
        names = [block.name for block in self._blocks]
        return Examination(
            self._subject.step, self._probe_set.samples, loss, error, self._options.confidence,
            tuple(BlockAblation.of(one, names) for one in ablations), tuple(self._left_out), left,
        )  # fmt: skip


def _plural(word: str, number: int) -> str:
    if number == 1:
        return word
    if word.startswith("set "):
        return "sets" + word[3:]
    return word + ("es" if word.endswith("ch") else "s")
