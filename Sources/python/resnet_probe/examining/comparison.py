"""What the network without some blocks does worse than as it is."""

from __future__ import annotations

import math
import time

import torch

from resnet_probe.examining.bootstrap import Bootstrap
from resnet_probe.examining.plan import Ordinals
from resnet_probe.examining.rounds import Outcome
from resnet_probe.journal.ablation_wire import Ablation
from resnet_probe.journal.frame import Moments
from resnet_probe.measuring.statistics import GREATEST


class Comparison:
    """Compares rounds with the untouched one, sample by sample."""

    def __init__(self, base: Outcome, bootstrap: Bootstrap) -> None:
        self.loss = float(base.losses.mean())
        self.error = None if base.errors is None else float(base.errors.mean())
        self._base = base
        self._bootstrap = bootstrap

    def of(
        self, outcome: Outcome, ordinals: Ordinals, *, identity: bytes, step: int, planned: int
    ) -> Ablation:
        """The record of a round without some blocks.

        Samples whose loss is not finite there, or whose square would not be, are counted; then there are no bounds of the loss.
        """
        base, samples = self._base, outcome.losses.numel()
        changes = outcome.losses - base.losses
        known = changes[torch.isfinite(changes) & (changes.abs() < GREATEST)]
        n = known.numel()
        mean = float(known.mean()) if n else 0.0
        m2 = float((known - mean).square().sum()) if n > 1 else 0.0
        ablation = Ablation(
            identity, step, time.time(), samples, planned, self.loss, self.error,
            self._bootstrap.confidence, ordinals, Moments(n, mean, m2), samples - n,
        )  # fmt: skip
        if n == samples:
            bounds = self._bootstrap.bounds(changes)
            ablation.loss_change_lower, ablation.loss_change_upper = bounds
            even = changes[0::2]
            ablation.loss_change_even = float(even.mean())
            if even.numel() > 1:
                ablation.loss_change_even_error = float(even.std()) / math.sqrt(even.numel())
            ablation.loss_change_odd = float(changes[1::2].mean())
        if base.errors is not None and outcome.errors is not None:
            moved = outcome.errors - base.errors
            ablation.error_change = float(moved.mean())
            ablation.error_change_lower, ablation.error_change_upper = self._bootstrap.bounds(moved)
        return ablation
