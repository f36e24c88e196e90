"""Networks compiled in every way that torch knows: what is recorded, and the one sentence else."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn
from torch._dynamo.utils import counters

from compiled_runs import Wrap, breaks, differences, frames_of, graphs, whole
from frames import frames_in
from networks.catalogue import entry
from networks.entry import Example, mean_loss
from recorded import sgd, train_step

HIDDEN = (
    "resnet-probe: the network was compiled after attach in a way that hides its forward, and is"
    " recorded from the next step on: to record every step, attach to what torch.compile returned,"
    " or after model.compile()"
)
DEPTH = 12


class Block(nn.Module):
    """A pre-norm MLP block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """N x width."""
        return x + self.down(torch.nn.functional.gelu(self.up(self.norm(x))))  # type: ignore[no-any-return]


class Net(nn.Module):
    """Blocks of one kind, which share compiled code where each is compiled by itself."""

    def __init__(self, depth: int = DEPTH) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 8)
        self.layers = nn.ModuleList(Block(8) for _ in range(depth))
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """N x 6 to N x 3."""
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)  # type: ignore[no-any-return]


def make() -> nn.Module:
    torch.manual_seed(3)
    return Net().double()


def make_small() -> nn.Module:
    torch.manual_seed(3)
    return Net(depth=3).double()


def batch(rows: int = 5, seed: int = 0) -> Example:
    generator = torch.Generator().manual_seed(seed)
    return Example((torch.randn(rows, 6, generator=generator, dtype=torch.float64),))


BATCHES = [batch(seed=seed) for seed in range(3)]


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()
    counters.clear()


def in_place(model: nn.Module) -> nn.Module:
    model.compile(backend="eager", fullgraph=True)
    return model


def layers_in_place(model: nn.Module) -> nn.Module:
    for layer in model.layers:  # type: ignore[union-attr]
        layer.compile(backend="eager", fullgraph=True)
    return model


def layers_wrapped(model: nn.Module) -> nn.Module:
    for place in range(DEPTH):
        layer = model.layers[place]  # type: ignore[index]
        model.layers[place] = torch.compile(layer, backend="eager", fullgraph=True)  # type: ignore[index,operator]
    return model


def forward_replaced(model: nn.Module) -> nn.Module:
    model.forward = torch.compile(model.forward, backend="eager", fullgraph=True)
    return model


WAYS: dict[str, Wrap] = {
    "torch.compile": whole("eager"),
    "in place": in_place,
    "each layer in place": layers_in_place,
    "each layer": layers_wrapped,
    "its forward": forward_replaced,
}


@pytest.fixture
def eager(spool: pathlib.Path) -> Any:
    return frames_of(make, BATCHES, lambda model: model, spool)


@pytest.mark.parametrize("example", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_compile_is_recorded_in_one_graph(
    way: str, example: bool, spool: pathlib.Path, eager: Any
) -> None:
    options = {"example": batch(2).args} if example else {}
    losses, frames = frames_of(make, BATCHES, WAYS[way], spool, **options)
    assert graphs() == 1
    assert breaks() == {}
    assert losses == eager[0]
    assert not differences(eager[1], frames, 1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_attach_after_compiling_and_first_steps_is_recorded_too(
    way: str, spool: pathlib.Path
) -> None:
    model = WAYS[way](make())
    optimizer = sgd(model.parameters())
    train_step(model, optimizer, BATCHES[0])
    assert graphs() == 1
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for example in BATCHES[1:]:
            train_step(model, optimizer, example)
    assert [len(frame.blocks) for frame in frames_in(spool)] == [DEPTH, DEPTH]
    assert graphs() == 2  # the bare one and the measured one
    assert breaks() == {}


def test_steps_that_are_not_measured_run_the_bare_graph(spool: pathlib.Path) -> None:
    model = make()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=3, strict=True):
        counted = []
        for step in range(8):
            train_step(compiled, optimizer, batch(seed=step))
            counted.append(graphs())
    assert counted == [1, 2, 2, 2, 2, 2, 2, 2]
    assert [frame.step for frame in frames_in(spool)] == [0, 3, 6]
    train_step(compiled, optimizer, batch())
    assert graphs() == 2


def test_a_compiled_module_around_the_network_loses_one_step_and_says_so(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Outer(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) * 2  # type: ignore[no-any-return]

    model = make()
    outer = torch.compile(Outer(model), backend="eager", fullgraph=True)
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1):
        for example in BATCHES:
            train_step(outer, optimizer, example)
    assert [frame.step for frame in frames_in(spool)] == [1, 2]
    assert HIDDEN in capfd.readouterr().err.splitlines()


def test_a_sequential_is_recorded_where_attach_gets_what_was_compiled(spool: pathlib.Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), Block(8), Block(8)).double()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(compiled, optimizer, every=1, strict=True):
        for example in BATCHES:
            train_step(compiled, optimizer, example)
    frames = frames_in(spool)
    assert [(frame.step, len(frame.blocks)) for frame in frames] == [(0, 2), (1, 2), (2, 2)]


def test_a_compiled_function_that_calls_the_network_is_told_what_to_do(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = make()
    optimizer = sgd(model.parameters())

    @torch.compile(backend="eager", fullgraph=True)
    def forward(x: torch.Tensor) -> torch.Tensor:
        return model(x).square().mean()  # type: ignore[no-any-return]

    with resnet_probe.attach(model, optimizer, every=1):
        for example in BATCHES:
            forward(*example.args).backward()
            optimizer.step()
    assert capfd.readouterr().err.splitlines() == [
        (
            "resnet-probe: nothing is recorded of the attached network: its forward never ran, or it ran"
            " within a compiled function, where no hook sees it: compile the network itself"
            " (torch.compile(model)), not the function that calls it, and attach to the very module that"
            " the loop calls"
        )
    ]
    assert not list(spool.glob("*.rpj"))


@pytest.mark.parametrize("rows", [[4, 4, 9, 40], [1, 2, 5]])
def test_batches_of_other_sizes_fit(rows: list[int], spool: pathlib.Path) -> None:
    given = [batch(n, seed) for seed, n in enumerate(rows)]
    _, wanted = frames_of(make_small, given, lambda model: model, spool)
    _, frames = frames_of(make_small, given, whole("aot_eager"), spool)
    assert not differences(wanted, frames, 1e-9)


def test_micro_batches_are_pooled(spool: pathlib.Path) -> None:
    found = []
    for wrap in (lambda model: model, whole("aot_eager")):
        torch._dynamo.reset()
        for path in spool.glob("*.rpj"):
            path.unlink()
        model = make_small()
        called = wrap(model)
        optimizer = sgd(model.parameters())
        with resnet_probe.attach(model, optimizer, every=1, strict=True):
            for step in range(2):
                optimizer.zero_grad()
                for part in range(3):
                    (mean_loss(called(*batch(4, 10 * step + part).args)) / 3).backward()
                optimizer.step()
        found.append(frames_in(spool))
    assert [block.micro_batches for block in found[1][0].blocks] == [3] * 3
    assert not differences(found[0], found[1], 1e-9)


def test_padding_is_left_out(spool: pathlib.Path) -> None:
    def padded(rows: int) -> Example:
        torch.manual_seed(rows)
        ids = torch.randint(1, 50, (rows, 8))
        lengths = torch.randint(3, 9, (rows, 1))
        return Example((ids,), {"attention_mask": (torch.arange(8)[None] < lengths).long()})

    def bert() -> nn.Module:
        return entry("BERT post-norm").make().double()

    given = [padded(2), padded(3)]
    _, wanted = frames_of(bert, given, lambda model: model, spool)
    _, frames = frames_of(bert, given, whole("aot_eager"), spool)
    assert not differences(wanted, frames, 1e-9)
    assert frames[0].blocks[0].samples == int(given[0].kwargs["attention_mask"].sum())


@pytest.mark.parametrize("name", ["ResNet-20", "DenseNet-BC-22-4"])
def test_norms_alone(name: str, spool: pathlib.Path) -> None:
    def network() -> nn.Module:
        return entry(name).make().double()

    torch.manual_seed(1)
    given = [Example((torch.randn(4, 3, 16, 16, dtype=torch.float64),))] * 2
    _, wanted = frames_of(network, given, lambda model: model, spool, detail="norms")
    _, frames = frames_of(network, given, whole("aot_eager"), spool, detail="norms")
    assert not differences(wanted, frames, 1e-9)
    assert frames[0].blocks[0].cosine is None
    assert frames[0].blocks[0].taylor_importance is None


@pytest.mark.parametrize("name", ["checkpointed", "checkpointed, reentrant"])
def test_blocks_in_checkpoints_are_named(
    name: str, spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    model = entry(name).make().train()
    optimizer = sgd(model.parameters())
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    with resnet_probe.attach(model, optimizer, every=1):
        train_step(compiled, optimizer, entry(name).example())
    assert (
        "resnet-probe: 3 of 3 blocks cannot be followed through compiled code, as within"
        " checkpoints, and are left out (blocks.0, blocks.1, blocks.2)"
    ) in capfd.readouterr().err.splitlines()
    assert all(block.samples == 0 for frame in frames_in(spool) for block in frame.blocks)


def test_a_part_that_is_not_compiled_is_left_out(spool: pathlib.Path) -> None:
    model = make_small()
    model.layers[1].forward = torch.compiler.disable(model.layers[1].forward)  # type: ignore[index,union-attr]
    optimizer = sgd(model.parameters())
    compiled = torch.compile(model, backend="aot_eager")
    with resnet_probe.attach(model, optimizer, every=1):
        for example in BATCHES:
            train_step(compiled, optimizer, example)
    fired = [[b.ordinal for b in frame.blocks if b.stream_rms] for frame in frames_in(spool)]
    assert fired == [[0, 2]] * 3


def test_graph_breaks_of_the_network_are_no_obstacle(spool: pathlib.Path) -> None:
    class Broken(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            for place, layer in enumerate(self.layers):
                x = layer(x)
                if place % 4 == 1:
                    torch._dynamo.graph_break()
            return self.head(x)  # type: ignore[no-any-return]

    def broken() -> nn.Module:
        torch.manual_seed(3)
        return Broken().double()

    wanted, eager = frames_of(broken, BATCHES, lambda model: model, spool)
    losses, frames = frames_of(broken, BATCHES, whole("aot_eager", fullgraph=False), spool)
    assert losses == wanted
    assert not differences(eager, frames, 1e-9)


def test_a_network_that_raises_within_compiled_code_leaves_no_tap(spool: pathlib.Path) -> None:
    model = make()
    compiled = torch.compile(model, backend="eager")
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(compiled, optimizer, BATCHES[0])
        with pytest.raises(Exception, match=r"shape|size"):
            compiled(torch.randn(2, 7, dtype=torch.float64))
        assert not torch.overrides._get_current_function_mode_stack()
        train_step(compiled, optimizer, BATCHES[1])
    assert [len(frame.blocks) for frame in frames_in(spool)] == [DEPTH, DEPTH]


def test_mixed_precision_is_that_of_eager_mode(spool: pathlib.Path) -> None:
    def autocast(wrap: Wrap) -> Wrap:
        def wrapped(model: nn.Module) -> Callable[..., Any]:
            called = wrap(model)

            def call(*args: Any) -> Any:
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    return called(*args)

            return call

        return wrapped

    def network() -> nn.Module:
        torch.manual_seed(3)
        return Net(depth=3)

    given = [Example((batch(seed=seed).args[0].float(),)) for seed in range(2)]
    _, wanted = frames_of(network, given, autocast(lambda model: model), spool)
    _, frames = frames_of(network, given, autocast(whole("aot_eager")), spool)
    assert not differences(wanted, frames, 3e-2)


@pytest.mark.usefixtures("spool")
def test_detach_gives_the_compiled_network_back() -> None:
    model = in_place(make())
    before = model._compiled_call_impl
    optimizer = sgd(model.parameters())
    probe = resnet_probe.attach(model, optimizer, every=1, strict=True)
    train_step(model, optimizer, BATCHES[0])
    probe.finish()
    assert model._compiled_call_impl is before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
