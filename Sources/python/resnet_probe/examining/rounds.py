"""Rounds over the probe set: the untouched one, and those without some blocks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from resnet_probe.examining.base_pass import BasePass
from resnet_probe.examining.calling import Forward, call_of, moved, target_of
from resnet_probe.examining.losses import RowErrors, RowLosses
from resnet_probe.examining.plan import Ordinals
from resnet_probe.examining.probe_set import ProbeSet, rows_between, seed_generators
from resnet_probe.examining.progress import Stop
from resnet_probe.examining.removal import Misplaced, Removal, run_without
from resnet_probe.examining.running_averages import by_batch_statistics, normalizers_in
from resnet_probe.examining.subject import Subject
from resnet_probe.examining.watch import Watch
from resnet_probe.names import modules_of
from resnet_probe.notices import ProbeError
from resnet_probe.settings import mask_of

#: How far two untouched passes over the same rows may be apart, of the loss itself.
TOLERANCE = 1e-3
#: From how many rows on a batch has statistics of its own.
_FEWEST_ROWS = 16


@dataclass(slots=True)
class Outcome:
    """What one round over the probe set gave, in float64 on the CPU."""

    losses: torch.Tensor  # (samples,)
    errors: torch.Tensor | None  # (samples,)
    shares: torch.Tensor | None = None  # (samples,): what each counts in the loss's own mean


class Rounds:
    """Runs a network over its probe set; for use within `kept_state`.

    Each pass begins with the same random state, so that what a network draws in eval mode is the
    same with and without a block.
    """

    def __init__(
        self, subject: Subject, probe_set: ProbeSet, losses: RowLosses, errors: RowErrors,
        forward: Forward | None, stop: Stop, *, similarity: bool = True,
    ) -> None:  # fmt: skip
        assert subject.blocks is not None
        self._network = subject.network
        self._probe_set = probe_set
        self.losses = losses
        self.errors = errors
        self._forward = forward
        self._stop = stop
        self._modules: Mapping[str, torch.nn.Module] = dict(modules_of(subject.network))
        #: What the untouched round tells of how alike blocks are.
        self.watch = Watch(subject.blocks) if similarity else None
        self._base = _base_pass(subject, self.watch if probe_set.whole is None else None)
        self._watching = _base_pass(subject, self.watch)
        self.passes = self._base.passes
        self.samples = probe_set.samples
        self.batches = len(probe_set.batches)
        #: How long a pass over the first batch takes.
        self.seconds_of_first = 0.0
        #: How far two untouched passes over it are apart.
        self.spread = 0.0
        #: The loss of its rows, and that by their own statistics in place of batch norm's averages.
        self.lag: tuple[float, float] | None = None

    def untouched(self) -> Outcome:
        """The round that all others are compared with.

        Raises:
            ProbeError: Where the network does not run, or not alike twice.
            Stopped: After an interrupt.
        """
        first: list[torch.Tensor] = []

        def call(batch: Any, number: int) -> Any:
            run = call_of(self._network, self._forward, batch)
            try:
                return self._base.run(batch, self._probe_set.rows[number], run)
            except Exception as problem:
                raise self._refusal(problem) from problem

        outcome = self._round(call, first)
        start = time.perf_counter()
        try:
            again = self._one(0, lambda batch, number: self._call_without(batch, number, ()))
        except Misplaced as problem:
            raise ProbeError.explain(
                "examine", type(self._network).__name__, f"in eval mode {problem}",
                "make its eval mode deterministic",
            ) from problem  # fmt: skip
        self.seconds_of_first = time.perf_counter() - start
        self._compare(first[0], again.losses)
        self.lag = self._lag(float(first[0].mean()))
        if self.watch is not None and self._probe_set.whole is not None:
            self._watch(self._probe_set.whole, self.watch)
        return outcome

    def _watch(self, whole: ProbeSet, watch: Watch) -> None:
        """Where losses are taken row by row, a pass over whole batches tells how alike blocks are."""
        for number, (batch, rows) in enumerate(zip(whole.batches, whole.rows, strict=True)):
            self._stop.check()
            try:
                self._look(batch, rows)
            except Exception as problem:
                watch.give_up(problem)
                return
            self._settle(whole, number)

    def _settle(self, probe_set: ProbeSet, number: int) -> None:
        """Where rows could not be told from tokens, one row less tells; then the batch again."""
        watch, batch, rows = self.watch, probe_set.batches[number], probe_set.rows[number]
        if watch is None or not watch.is_unclear:
            return
        with contextlib.suppress(Exception):  # then nothing tells
            self._look(rows_between(batch, rows, 0, rows - 1), rows - 1)
        watch.settle()
        self._stop.check()
        try:
            self._look(batch, rows)
        except Exception as problem:
            watch.give_up(problem)
        if watch.is_unclear:
            watch.give_up(RuntimeError("passes over the same rows differ"))

    def _look(self, batch: Any, rows: int) -> None:
        """A pass for the watch alone."""
        own = moved(batch, self._network)
        seed_generators()
        self._watching.run(own, rows, call_of(self._network, self._forward, own))

    def _lag(self, loss: float) -> tuple[float, float] | None:
        normalizers = normalizers_in(self._network)
        if not normalizers or self._probe_set.rows[0] < _FEWEST_ROWS:
            return None
        try:
            with by_batch_statistics(normalizers):
                own = self._one(0, lambda batch, _: call_of(self._network, self._forward, batch)())
        except Exception:
            return None  # a norm of another kind
        return loss, float(own.losses.mean())

    def without(self, ordinals: Ordinals) -> Outcome:
        """The round without some blocks.

        Raises:
            Misplaced: Where they are not where the untouched passes have them.
            Stopped: After an interrupt.
        """
        return self._round(lambda batch, number: self._call_without(batch, number, ordinals))

    def seconds_a_round(self) -> float:
        """How long a round without blocks takes, by the first batch."""
        return self.seconds_of_first * self.samples / self._probe_set.rows[0]

    def _call_without(self, batch: Any, number: int, ordinals: Ordinals) -> Any:
        spots = [self.passes.spots[number][ordinal] for ordinal in ordinals]
        removal = Removal(spots, self.passes.seen[number])
        run = call_of(self._network, self._forward, batch)
        return run_without(run, removal, self._modules)

    def _round(
        self, call: Callable[[Any, int], Any], first: list[torch.Tensor] | None = None
    ) -> Outcome:
        parts = []
        for number in range(self.batches):
            self._stop.check()
            parts.append(self._one(number, call))
            if first is not None and self._probe_set.whole is None:
                self._settle(self._probe_set, number)
            if first is not None and not first:
                first.append(parts[0].losses)
        errors = [part.errors for part in parts if part.errors is not None]
        shares = [part.shares for part in parts if part.shares is not None]
        losses = torch.cat([part.losses for part in parts])
        if len(shares) == len(parts) and (mean := float(torch.cat(shares).mean())) > 0:
            losses /= mean  # so that their mean is what the loss says of all rows at once
        return Outcome(losses, torch.cat(errors) if len(errors) == len(parts) else None)

    def _one(self, number: int, call: Callable[[Any, int], Any]) -> Outcome:
        batch = moved(self._probe_set.batches[number], self._network)
        rows = self._probe_set.rows[number]
        seed_generators()
        output = call(batch, number)
        target = target_of(batch)
        losses = self.losses(output, target, rows)
        shares = self.losses.shares(target, rows)
        return Outcome(losses, self.errors(output, target, rows), shares)

    def _compare(self, one: torch.Tensor, other: torch.Tensor) -> None:
        """Two passes over the same rows are to be equal bit for bit, or nearly."""
        if torch.equal(one, other) or not torch.isfinite(one).all():
            return
        self.spread = float((one - other).abs().max())
        if not self.spread <= TOLERANCE * max(1e-6, float(one.abs().mean())):
            raise ProbeError.explain(
                "examine", type(self._network).__name__,
                f"two passes over the same rows in eval mode differ by {self.spread:.2g} in loss",
                "make its eval mode deterministic, and the loss function if that keeps a state",
            )  # fmt: skip

    def _refusal(self, problem: Exception) -> ProbeError:
        words = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        return ProbeError.explain(
            "examine", type(self._network).__name__, f"its forward in eval mode raised {words}",
            "give batches as the training loop has them, or forward=, which calls it on one",
        )  # fmt: skip


def _base_pass(subject: Subject, watch: Watch | None) -> BasePass:
    assert subject.blocks is not None
    source = subject.settings.mask
    return BasePass(
        subject.network, subject.blocks, sample_axis=subject.settings.sample,
        chosen=subject.chosen, mask_of=lambda args, kwargs: mask_of(source, args, kwargs),
        watch=watch,
    )  # fmt: skip
