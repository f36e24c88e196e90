"""Copies without some blocks, each held against the network that the blocks are removed from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
import torch.nn.functional as F

from resnet_probe.bypassing.agreement import Disagreement, agree
from resnet_probe.bypassing.interception import intercept
from resnet_probe.bypassing.locating import Located
from resnet_probe.bypassing.shown import shown_problem
from resnet_probe.bypassing.stand_ins import NoBranch
from resnet_probe.bypassing.ways import apply, edits_for, freeze
from resnet_probe.examining.kept_state import kept_state
from resnet_probe.examining.probe_set import mapped, seed_generators
from resnet_probe.examining.removal import Misplaced, Removal, Seen, run_without
from resnet_probe.examining.running_averages import by_batch_statistics, normalizers_in
from resnet_probe.finding.find import Arguments, copied
from resnet_probe.names import modules_of
from resnet_probe.notices import ProbeError
from resnet_probe.tracing.trace import tensors_in


class Trials:
    """Tries to leave blocks out of copies of a network, the fastest way first.

    `twin` is a copy in eval mode, whose blocks are located.
    """

    def __init__(self, network: torch.nn.Module, twin: torch.nn.Module, located: Located) -> None:
        self._network = network
        self._twin = twin
        self._located = located

    def made(self) -> tuple[torch.nn.Module, list[str]]:
        """A copy without the blocks, and the blocks whose branch still runs in it.

        Where it differs from the network that the blocks are removed from, those blocks keep their
        branch that differ by themselves too; then all of them.

        Raises:
            ProbeError: Where the copies differ even so.
        """
        names = list(self._located.wanted)
        words = ""
        for left in self._ways(names):
            try:
                return self._tried(names, left)
            except ProbeError:
                raise
            except Exception as problem:
                words = words or shown_problem(problem)
        raise ProbeError.explain(
            "bypass blocks of", type(self._network).__name__,
            f"no copy gives what it gives without them ({words})", "bypass other blocks of it",
        )  # fmt: skip

    def _ways(self, names: list[str]) -> Iterator[Collection[str]]:
        """Which blocks keep their branch, the fewest first."""
        yield ()
        yield [name for name in names if not self._works(name)]
        yield names

    def _works(self, name: str) -> bool:
        try:
            self._tried([name], ())
        except Exception:
            return False
        return True

    def _tried(
        self, names: Collection[str], left: Collection[str]
    ) -> tuple[torch.nn.Module, list[str]]:
        """A copy without some blocks, of which some keep their branch.

        Raises:
            Exception: Any, where the copy differs or does not run.
        """
        located = self._located
        wanted = {name: located.wanted[name] for name in names}
        edits = edits_for(located.seen, wanted, left)
        made = copied_or_refused(self._network)
        apply(made, edits)
        if edits.left:
            intercept(made, *located.again(copied_or_refused(made), edits.left))
        now, _ = located.again(copied_or_refused(made), ())
        freeze(made, located.seen, now, wanted.values())
        agree(self._removed(names), self._output(made))
        if normalizers_in(made):
            self._agree_by_batch(made, names)
        if any(isinstance(stand_in, NoBranch) for stand_in in edits.stand_ins.values()):
            self._agree_on_other_images(made, names)
        return made, edits.left

    def _agree_by_batch(self, made: torch.nn.Module, names: Collection[str]) -> None:
        """Compares with batch norm by the batch's own statistics too.

        Where its running ones are not those of the data the stream may fade away, and all networks
        look alike.
        """
        with by_batch_statistics(normalizers_in(self._twin)):
            try:
                reference = self._removed(names)
            except ValueError:  # too few values for a norm
                return
        with by_batch_statistics(normalizers_in(made)):
            agree(reference, self._output(made))

    def _agree_on_other_images(self, made: torch.nn.Module, names: Collection[str]) -> None:
        """Compares on images of other sizes, where the network takes them.

        What size a stand-in's zeros are to have was seen at one size alone.
        """
        for change in (lambda size: size + size // 2, lambda size: size + 1):
            arguments = _resized(self._located.arguments, change)
            if arguments is None:
                return
            try:
                with kept_state(self._twin):
                    reference = self._removed(names, arguments)
            except Exception:  # it takes no such images
                reference = None
            if reference is not None:
                try:
                    agree(reference, self._output(made, arguments))
                except Exception as problem:
                    raise Disagreement(f"on larger images {shown_problem(problem)}") from problem

    def _removed(self, names: Collection[str], arguments: Arguments | None = None) -> Any:
        """What the network gives in eval mode without some blocks, as `examine` removes them."""
        located, twin = self._located, self._twin
        spots = [located.wanted[name].spot for name in names]
        try:
            joins = located.seen.joins if arguments is None else self._joins_on(arguments)
            return self._run(Removal(spots, joins), arguments or located.arguments)
        except Misplaced as problem:
            raise ProbeError.explain(
                "bypass blocks of", type(twin).__name__, f"in eval mode {problem}",
                "make its eval mode deterministic",
            ) from problem  # fmt: skip

    def _joins_on(self, arguments: Arguments) -> list[Seen]:
        """What joins in a pass on other arguments, where it is the same but for the sizes."""
        untouched = Removal()
        self._run(untouched, arguments)
        if [name for name, _ in untouched.seen] != [name for name, _ in self._located.seen.joins]:
            raise Misplaced("it runs other operations on images of another size")
        return untouched.seen

    def _run(self, removal: Removal, arguments: Arguments) -> Any:
        twin = self._twin
        args, kwargs = _fresh(arguments)
        seed_generators()
        with torch.no_grad():
            return run_without(lambda: twin(*args, **kwargs), removal, dict(modules_of(twin)))

    def _output(self, made: torch.nn.Module, arguments: Arguments | None = None) -> Any:
        """What a copy gives in eval mode; the copy stays as it is."""
        args, kwargs = _fresh(arguments or self._located.arguments)
        with kept_state(made):
            seed_generators()
            return made(*args, **kwargs)


def copied_or_refused(network: torch.nn.Module) -> torch.nn.Module:
    """A copy of which no part is compiled.

    Raises:
        ProbeError: In one line, where there can be none.
    """
    try:
        return copied(network)
    except Exception as problem:
        words = shown_problem(problem)
        raise ProbeError.explain(
            "bypass blocks of", type(network).__name__, f"it cannot be copied ({words})",
            "let copy.deepcopy(model) work first",
        ) from problem  # fmt: skip


def _fresh(arguments: Arguments) -> Arguments:
    """Arguments that a forward may write into."""
    fresh: Any = mapped(arguments, torch.clone)
    return fresh  # type: ignore[no-any-return]


def _resized(arguments: Arguments, change: Callable[[int], int]) -> Arguments | None:
    """Arguments whose images have other sizes; None where there are no images."""
    if not any(map(_is_image, tensors_in(arguments))):
        return None

    def resized(tensor: torch.Tensor) -> torch.Tensor:
        if not _is_image(tensor):
            return tensor
        return F.interpolate(tensor, [change(size) for size in tensor.shape[2:]])

    changed: Any = mapped(arguments, resized)
    return changed  # type: ignore[no-any-return]


def _is_image(tensor: torch.Tensor) -> bool:
    return tensor.ndim in (4, 5) and tensor.is_floating_point()
