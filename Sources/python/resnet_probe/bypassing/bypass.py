"""`bypass`: a copy of a network without some of its blocks, smaller and faster where that goes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from resnet_probe.bypassing.guesses import guessed_calls
from resnet_probe.bypassing.locating import locate
from resnet_probe.bypassing.planned import Plan, PlannedBlock, read_plan
from resnet_probe.bypassing.recalibration import batch_norms_in, recalibrated
from resnet_probe.bypassing.shown import shown
from resnet_probe.bypassing.trials import Trials, copied_or_refused
from resnet_probe.examining.calling import arguments_of
from resnet_probe.finding.find import Arguments, calls_of, kept_randomness, uncompiled
from resnet_probe.notices import ProbeError, write_line
from resnet_probe.sharding import class_of, has_sharded
from resnet_probe.summary import first_names
from resnet_probe.training.wrapped import network_within


def bypass(
    model: torch.nn.Module, plan: Plan, *, example: Any = None,
    recalibrate: Iterable[Any] | None = None,
) -> torch.nn.Module:  # fmt: skip
    """A copy of a network without some blocks: y = φ(s(x)) in place of φ(s(x) + F).

    A plain block gives its input, a dense one no new maps. Modules that are the block's alone give
    way to small ones, and their parameters are gone; all others keep their names. The copy is an
    ordinary network, to evaluate, to train on and to save; the one given stays as it is. One line
    on standard error says what came of it.

    Before it is returned it runs once in eval mode on a few rows: it gives what the network gives
    from which `examine` removes the same blocks.

    Args:
        model: The network; of DistributedDataParallel and of a compiled one, what is within.
        plan: What `resnet-probe plan --json` writes: a file, its text or what is in it. Or names of
            blocks.
        example: A batch as the network's forward takes it, as for `attach`: `(x,)` of a batch
            `(x, y)`. None: the first of `recalibrate`, else what the first layer takes.
        recalibrate: Batches as for `examine`. The running statistics of batch norm become the mean
            of theirs; nothing is trained.

    Raises:
        ProbeError: In one line, for what is no plan or another network's, and where no copy gives
            what the network gives without the blocks.
    """
    network = network_within(model)
    planned = read_plan(plan)
    if has_sharded(network):
        raise ProbeError.explain(
            "bypass blocks of", class_of(network).__name__, "its parameters are sharded",
            "load a checkpoint of it in one process",
        )  # fmt: skip
    batches = None if recalibrate is None else iter(recalibrate)
    first = [] if batches is None else list(itertools.islice(batches, 1))
    with torch.inference_mode(False), uncompiled():
        with kept_randomness():
            made = _without(network, planned, _calls(network, example, first))
        words = made.words(network)
        if batches is not None:
            words += _recalibrated(made.network, itertools.chain(first, batches))
    write_line(f"resnet-probe: bypass: {words}")
    return made.network


@dataclass(frozen=True, slots=True)
class Bypassed:
    """A copy without some blocks, and what can be said of it."""

    network: torch.nn.Module
    blocks: int
    of: int
    slow: Sequence[str]  # blocks whose branch still runs

    def words(self, original: torch.nn.Module) -> str:
        """What came of it, for people."""
        if self.blocks == 0:
            return "the plan has no blocks: a copy of the whole network"
        before, after = (sum(p.numel() for p in m.parameters()) for m in (original, self.network))
        share = f" (−{1 - after / before:.0%})" if after < before else ""
        said = f"{self.blocks} of {self.of} blocks, {before:,} → {after:,} parameters{share}"
        if self.slow:
            names = first_names([shown(name) for name in self.slow])
            said += f"; of {len(self.slow)} the branch still runs, no faster than it was ({names})"
        return said


def _calls(network: torch.nn.Module, example: Any, first: list[Any]) -> Iterator[Arguments]:
    """The arguments that the network may be run with, the likeliest first."""
    if example is not None:
        return iter(calls_of(network, example))
    if first:
        return iter([arguments_of(network, first[0])])
    return guessed_calls(network)


def _without(
    network: torch.nn.Module, planned: Sequence[PlannedBlock], calls: Iterator[Arguments]
) -> Bypassed:
    twin = copied_or_refused(network)
    if not planned:
        return Bypassed(twin, 0, 0, ())
    located = locate(twin, planned, calls)
    made, slow = Trials(network, twin, located).made()
    return Bypassed(made, len(located.wanted), len(located.known), slow)


def _recalibrated(network: torch.nn.Module, batches: Iterator[Any]) -> str:
    count = recalibrated(network, batches)
    norms = len(batch_norms_in(network))
    if norms == 0:
        return "; no batch norm to recalibrate"
    return f"; {norms} batch norms recalibrated on {count} batch{'es' * (count != 1)}"
