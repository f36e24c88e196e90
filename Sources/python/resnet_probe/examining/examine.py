"""`examine`: what removing each block does to the loss of a fixed probe set, measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import torch

from resnet_probe.examining.ablating import Ablating
from resnet_probe.examining.bootstrap import Bootstrap
from resnet_probe.examining.calling import arguments_of, moved
from resnet_probe.examining.contents import contents_of, identity_of, take_in_function
from resnet_probe.examining.examination import Examination
from resnet_probe.examining.kept_state import autocast_state, kept_state
from resnet_probe.examining.losses import Compare, RowErrors, RowLosses
from resnet_probe.examining.options import Options
from resnet_probe.examining.plan import planned_sets
from resnet_probe.examining.probe_set import ProbeSet, read_probe_set
from resnet_probe.examining.progress import Progress, Stop, Stopped
from resnet_probe.examining.reached import modules_reached
from resnet_probe.examining.remarks import of_written
from resnet_probe.examining.rounds import Rounds
from resnet_probe.examining.subject import Examined, Subject
from resnet_probe.finding.find import found_in, kept_randomness, uncompiled
from resnet_probe.notices import ProbeError, write_line
from resnet_probe.sharding import has_sharded
from resnet_probe.training.wrapped import network_within


def examine_in(
    training: Examined, model: Any, batches: Any, loss_fn: Compare | None, options: Options
) -> Examination | None:
    """Examines the network of a training; nothing but what strict notices raise gets out."""
    notices = training.subject.notices
    try:
        training.subject.ranks.join()
        if training.subject.ranks.rank != 0:
            if not notices.strict:
                notices.say("examine ranks", "examine: rank 0 examines for all ranks")
            return None
        return examine(training, model, batches, loss_fn, options)
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
    training: Examined, model: Any, batches: Any, loss_fn: Compare | None, options: Options
) -> Examination | None:
    """Examines a network; None where nothing could be measured.

    Raises:
        ProbeError: In one line, for what keeps it from measuring anything.
    """
    options.check()
    _check(training.subject, model)
    reached = modules_reached(loss_fn, options.error_fn, options.forward)
    progress, stop = Progress(is_shown=options.progress), Stop(options.seconds)
    try:
        with ExitStack() as within:
            within.enter_context(stop)
            within.enter_context(torch.inference_mode(False))
            with kept_randomness():
                probe_set = _read(batches, int(options.samples), stop, by_row=loss_fn is None)
                subject = _opened(training, probe_set, options)
            written = within.enter_context(kept_state(subject.network, *reached))
            within.enter_context(uncompiled())
            within.callback(progress.end)
            found = _ablating(subject, probe_set, loss_fn, options, stop, progress).run()
        words = of_written(written.parameters)
        if words is not None:
            write_line(f"resnet-probe: examine: {words}")
        return found
    except (Stopped, KeyboardInterrupt) as stopped:
        if stop.goes_on(stopped):
            raise
        write_line("resnet-probe: examine: stopped before anything was measured")
        return None


def _ablating(
    subject: Subject, probe_set: ProbeSet, loss_fn: Compare | None, options: Options, stop: Stop,
    progress: Progress,
) -> Ablating:  # fmt: skip
    assert subject.blocks is not None
    sets = planned_sets(subject.blocks, options.blocks, options.together)
    if not sets:
        raise ProbeError.explain("examine", type(subject.network).__name__, "no block was chosen",
                                 "give other blocks=")  # fmt: skip
    is_keyed = any(isinstance(batch, Mapping) for batch in probe_set.batches)
    errors = RowErrors(options.error_fn, counts_tokens=not is_keyed)
    rounds = Rounds(
        subject, probe_set, RowLosses(loss_fn), errors, options.forward, stop,
        similarity=options.similarity,
    )  # fmt: skip
    return Ablating(
        subject, rounds, sets, _identity(subject, probe_set, loss_fn, options),
        Bootstrap(probe_set.samples, float(options.confidence)), stop, progress,
        curve=bool(options.curve),
    )  # fmt: skip


def _identity(
    subject: Subject, probe_set: ProbeSet, loss_fn: Compare | None, options: Options
) -> bytes:
    """Follows from everything that the numbers follow from, but not from which blocks are asked for."""
    functions = hashlib.sha256()
    for function in (loss_fn, options.error_fn, options.forward):
        take_in_function(functions, function)
    said = (
        subject.step,
        float(options.confidence),
        probe_set.rows,
        autocast_state(subject.network),
    )
    return identity_of(
        [subject.ranks.run, repr(said).encode(), functions.digest(), probe_set.digest(),
         contents_of(subject.network)]
    )  # fmt: skip


def _check(subject: Subject, model: Any) -> None:
    """That the network given can be examined."""
    given = network_within(model) if isinstance(model, torch.nn.Module) else model
    words: tuple[str, str] | None = None
    if subject.is_finished:
        words = "its recording has ended", "call it before probe.finish()"
    elif given is not subject.network:
        words = (
            f"the model given ({type(given).__name__}) is not the attached one",
            "give the very network that attach was given",
        )
    elif has_sharded(subject.network):
        words = "its parameters are sharded", "examine a checkpoint of it in one process"
    if words is not None:
        # Of a probe that has ended the network is forgotten.
        name = "the network" if subject.is_finished else type(subject.network).__name__
        raise ProbeError.explain("examine", name, *words)


def _opened(training: Examined, probe_set: ProbeSet, options: Options) -> Subject:
    """The training with blocks and a journal, which before its first measured step it has not.

    Blocks are then found as `attach(example=…)` finds them, on a copy.
    """
    subject = training.subject
    if subject.recording is None:
        found = subject.blocks
        if found is None and options.forward is None:
            batch = moved(probe_set.batches[0], subject.network)
            call = arguments_of(subject.network, batch)
            found = found_in(subject.network, [call], subject.chosen, subject.settings.sample)
        training.open(found)
        subject = training.subject
    name = type(subject.network).__name__
    if subject.blocks is None:
        raise ProbeError.explain(
            "examine", name, "its blocks are not found yet",
            "call it after the first measured step, or attach(example=…)",
        )  # fmt: skip
    if len(subject.blocks) == 0:
        raise ProbeError.explain("examine", name, "no blocks were found in it",
                                 "see print(probe.blocks)")  # fmt: skip
    if subject.recording is None or not subject.recording.is_open:
        raise ProbeError.explain("examine", name, "nothing is recorded of it",
                                 "see the line that said why")  # fmt: skip
    return subject


def _read(batches: Any, samples: int, stop: Stop, *, by_row: bool) -> ProbeSet:
    if not isinstance(batches, Iterable) or isinstance(batches, torch.Tensor):
        raise ProbeError.explain(
            "examine with", f"batches of {type(batches).__name__}", "they cannot be read one by one",
            "give a loader, or a list of batches",
        )  # fmt: skip
    found = read_probe_set(batches, samples, stop.check)
    return found.row_by_row() if by_row else found
