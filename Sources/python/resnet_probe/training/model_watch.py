"""The hooks on a network: its training passes, and in measured steps the modules of its blocks."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch

from resnet_probe.blocks import BlockMap
from resnet_probe.finding.search import Search
from resnet_probe.inert import Hook
from resnet_probe.measuring.backward import trains
from resnet_probe.measuring.checkpoints import first_run
from resnet_probe.measuring.measurer import Measurer
from resnet_probe.measuring.passes import Pass
from resnet_probe.measuring.sites import Sites, is_in_backward
from resnet_probe.measuring.turns import Turns, bound_of
from resnet_probe.sharding import has_sharded, is_known
from resnet_probe.tracing.tap import call_frame
from resnet_probe.tracing.trace import tensors_in
from resnet_probe.training.compilation import found_ahead, is_compiled_within
from resnet_probe.training.entrance import Entrance, compiled_around
from resnet_probe.training.guard import Guard
from resnet_probe.training.owner_watch import OwnerWatch

if TYPE_CHECKING:
    from resnet_probe.compiled.compiled_passes import CompiledPasses

SHARDED_AND_COMPILED = (
    "nothing is recorded of the compiled network: its parameters are sharded, and both together are"
    " not recorded yet; train without torch.compile, or with DistributedDataParallel"
)
#: The most outputs of a network that are asked whether a gradient reached them.
MOST_OUTPUTS = 8


def _is_traced() -> bool:
    """Whether `torch.jit.trace` runs the network."""
    return torch._C._get_tracing_state() is not None


class PassObserver(Protocol):
    """Decides which passes are measured and learns what was found."""

    def pass_begins(self) -> bool:
        """A training forward begins; whether to measure it."""

    def pass_of_no_training(self, reason: str) -> None:
        """A forward that is not training began."""

    def blocks_found(self, blocks: BlockMap) -> BlockMap:
        """The search ended; the blocks to record."""

    def counts_absorbed(self) -> bool:
        """Whether this step counts the elements that rounding swallows."""


class OutputHook(Hook[[torch.Tensor], None]):
    """Waits at an output of one pass for a gradient of training; lives as long as the graph."""

    __slots__ = ("__weakref__",)

    def __init__(
        self, found: weakref.ref[Pass], trains: Callable[[], bool], guard: Guard
    ) -> None:  # fmt: skip
        def mark() -> None:
            one = found()
            if one is not None and trains():
                one.is_backpropagated = True

        super().__init__(lambda _: guard(mark))


class ModelWatch:
    """Watches one network until `detach`; used from the thread that trains.

    Two hooks on the network stay; those on the modules that hold blocks come with a measured step
    and go at its end. `passes` are the current step's.
    """

    def __init__(
        self, model: torch.nn.Module, observer: PassObserver, guard: Guard, *,
        detail: Literal["full", "norms"], sample_axis: Literal["row", "token"] | None,
        mask_of: Callable[[Any, Any], torch.Tensor | None], blocks: BlockMap | None,
        say: Callable[[str, str], None], chosen: Mapping[str, str] | None = None,
        entrance: torch.nn.Module | None = None, memory: float | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.blocks = blocks
        self.passes: list[Pass] = []
        self._observer = observer
        self._guard = guard
        self._detail: Literal["full", "norms"] = detail
        self._sample_axis = sample_axis
        self._chosen = chosen
        self._mask_of = mask_of
        self._current: Pass | None = None
        self._search: Search | None = None
        self._sites: Sites | None = None
        self._run_again: set[int] = set()  # blocks that checkpoints run twice
        self._thread: int | None = None
        self._owners = OwnerWatch(model, guard, self._is_under_way)
        self._trains = trains(model)
        self._knows_parameters = False  # which tensors stand for sharded ones
        self._say = say
        bound = bound_of(memory, model)
        self._turns = None if bound is None else Turns(bound, say)
        self._compiled: CompiledPasses | None = None
        self._is_compiled = False  # whether the pass under way is
        self.entrance = Entrance(
            model if entrance is None else entrance, self._before, self._after, self._within
        )

    def detach(self) -> None:
        """Takes all hooks away, also in the middle of a forward."""
        if self._is_under_way():
            self._abandon()
        self.end_step()
        self.entrance.remove()
        self._release()

    def _release(self) -> None:
        """Lets go of the network, which a probe that has ended does not keep."""
        nothing = torch.nn.Module()
        self.model = self.entrance.module = nothing
        self._owners.release(nothing)
        self._trains = trains(nothing)
        self._compiled = self._sites = self._search = self._current = None
        self.passes = []

    def follow_compiled(self) -> bool:
        """Watches the compiled module around the network, where one hides it; whether it does."""
        around = compiled_around(self.model)
        if around is None:
            return False
        self.entrance.move(around)
        return True

    def end_step(self) -> None:
        """Ends a measured step: lets go of its hooks and of what still waits for gradients."""
        if self._is_under_way() and not self._calls_running():
            self._abandon()
        for one in self.passes:
            one.cancel()
        self.passes = []
        if self._compiled is not None:
            self._compiled.end_step()
        if self._sites is not None:
            self._sites.cancel()
            self._sites = None
        self._owners.remove()

    # The network

    def _before(self, args: Any, kwargs: Any) -> None:
        self._guard(self._begin, args, kwargs)

    def _begin(self, args: Any, kwargs: Any) -> None:
        module = self.entrance.module
        if self._is_under_way():
            if self._calls_running() > 1:
                return  # the network calls itself
            self._abandon()
        if is_in_backward() or _is_traced():
            return
        if torch._C._functorch.peek_interpreter_stack() is not None:
            self._observer.pass_of_no_training("transform")
            return
        if self._current is not None:
            if any(thread.ident == self._thread for thread in threading.enumerate()):
                return  # another thread trains the network
            self._abandon()
        if not module.training or not torch.is_grad_enabled():
            self._observer.pass_of_no_training("eval" if not module.training else "no_grad")
            return
        if not self._observer.pass_begins():
            return
        self._thread = threading.get_ident()
        present = self._mask_of(args, kwargs)
        self._is_compiled = self.entrance.is_compiled or is_compiled_within(self.model)
        if self._is_compiled:
            self._begin_compiled(args, kwargs, present)
            return
        measurer = Measurer(
            self._guard, self._detail, self._trains,
            counts_absorbed=self._observer.counts_absorbed(), turns=self._turns,
        )  # fmt: skip
        self._knows_parameters = self._knows_parameters or is_known(self.model)
        if self.blocks is None or not self._knows_parameters:
            self._search = Search(
                self.model, self._guard, measurer, self._sample_axis, self._chosen
            )
            self._current = self._search.found_pass
            self._current.present = present
            self._search.begin(tensors_in((args, kwargs)), call_frame())
            return
        self._current = Pass(present)
        if self._sites is None:
            self._sites = Sites(self.model, self.blocks, measurer, self._run_again)
            self._owners.install(self._sites)
        assert self._sites is not None
        self._sites.current = self._current
        if "" in self._sites.by_owner:
            self._owners.enter(self.model, args, kwargs)

    def _begin_compiled(self, args: Any, kwargs: Any, present: torch.Tensor | None) -> None:
        if has_sharded(self.model):
            self._say("sharded and compiled", SHARDED_AND_COMPILED)
            self._observer.pass_of_no_training("compiled")
            return
        if first_run() is not None:
            from resnet_probe.compiled.compiled_passes import IN_CHECKPOINT

            self._say("checkpoint", f"the network: {IN_CHECKPOINT}")
            return
        if self.blocks is None:
            found = found_ahead(
                self.model, args, kwargs, self._chosen, self._sample_axis, self._say
            )
            if found is None:
                self._observer.pass_of_no_training("compiled")
                return
            self.blocks = self._observer.blocks_found(found)
        if self._compiled is None:
            from resnet_probe.compiled.compiled_passes import CompiledPasses

            self._compiled = CompiledPasses(self.model, self.blocks, self._detail, self._say)
        self._current = self._compiled.begin(
            args, kwargs, present, is_whole=self.entrance.is_compiled
        )

    def _within(self) -> None:
        if self._is_compiled and self._compiled is not None and self._is_under_way():
            self._compiled.own_code.isolate()

    def _after(self, output: Any) -> None:
        self._guard(self._end, output)

    def _end(self, output: Any) -> None:
        current = self._current
        if current is None or is_in_backward():
            return
        if self._thread != threading.get_ident():
            return
        self._current = None
        if self._is_compiled:
            assert self._compiled is not None
            self._compiled.end(
                counts_absorbed=self._observer.counts_absorbed(), is_whole=output is not None
            )
        elif self._search is not None:
            self._end_search(output)
        elif self._sites is not None:
            if "" in self._sites.by_owner:
                self._owners.leave(self.model, output)
            self._sites.end_pass()
        tensors = [t for t in tensors_in(output) if t.requires_grad]
        for tensor in tensors[:MOST_OUTPUTS]:
            if current.backward_begins is not None:
                # Stays as long as the graph, also behind the end of the step.
                tensor.register_hook(Hook(current.backward_begins))
            hook = OutputHook(weakref.ref(current), self._trains, self._guard)
            current.hooks.append(weakref.ref(hook))
            current.handles.append(tensor.register_hook(hook))
        self.passes.append(current)

    def _end_search(self, output: Any) -> None:
        search, self._search = self._search, None
        assert search is not None
        search.end()
        if output is None and sys.exc_info()[0] is not None:
            search.found_pass.cancel()
            return  # the forward raised: the next one is searched again
        found = search.blocks(output)
        if self.blocks is None:
            self.blocks = self._observer.blocks_found(found)
        kept = {block.name: block for block in self.blocks}
        for record in search.found_pass.records:
            own = kept.get(record.block.name) if record.block is not None else None
            if own is None and record.gradient is not None:
                record.gradient.cancel()
            record.block = own
        measurer = search.measurer
        assert measurer is not None
        sites = Sites(self.model, self.blocks, measurer, self._run_again)
        sites.await_second_run(search.found_pass)
        self._sites = sites
        self._owners.install(sites)

    def forget(self) -> None:
        """Lets go of passes whose graph is gone without a backward pass."""
        for one in [one for one in self.passes if one.is_forgotten]:
            one.cancel()
            self.passes.remove(one)

    @property
    def strangers(self) -> set[str]:
        """Blocks that ran with other parameters than known."""
        return self._owners.strangers

    def _is_under_way(self) -> bool:
        """Whether a measured pass of this thread has begun and not ended."""
        return self._current is not None and self._thread == threading.get_ident()

    def _calls_running(self) -> int:
        """How many calls of the network are under way in this thread; an interrupt ends some."""
        running = 0
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame.f_code.co_name == "_call_impl":
                running += frame.f_locals.get("self") is self.entrance.module
            frame = frame.f_back
        return running

    def _abandon(self) -> None:
        if self._compiled is not None:
            self._compiled.abandon()
        if self._search is not None:
            self._search.end()
            self._search.found_pass.cancel()
            self._search = None
        self._owners.close()
        self._current = None
