"""What attacks on compiled recording broke: training that failed, numbers under a wrong name."""

import gc
import pathlib
import weakref
from collections.abc import Callable, Iterator

import pytest
import resnet_probe
import torch
from resnet_probe.compiled.buffers import Buffers, Seen
from torch import nn
from torch._dynamo.utils import counters

from compiled_runs import differences, frames_of, graphs, whole
from frames import frames_in
from networks.entry import Example
from recorded import sgd, train_step

OTHER = "ran other operations in compiled code than when its blocks were found"


class Block(nn.Module):
    """An MLP block."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.calls = 0

    def branch(self, x: torch.Tensor) -> torch.Tensor:
        """F."""
        return self.down(torch.nn.functional.gelu(self.up(self.norm(x))))  # type: ignore[no-any-return]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Y = x + F."""
        return x + self.branch(x)


class Net(nn.Module):
    """Three blocks."""

    def __init__(self, block: Callable[[], nn.Module] = Block) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 8)
        self.layers = nn.ModuleList(block() for _ in range(3))
        self.head = nn.Linear(8, 3)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """… x 6 to … x 3."""
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)  # type: ignore[no-any-return]


class Permuted(Net):
    """Runs its branches in another order every other time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As before."""
        x = self.stem(x)
        self.calls += 1
        for place in [0, 1, 2] if self.calls % 2 == 1 else [2, 1, 0]:
            x = x + self.layers[place].branch(x)  # type: ignore[operator,union-attr]
        return self.head(x)  # type: ignore[no-any-return]


class Swapped(Block):
    """Adds x to F every other time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Y = F + x."""
        self.calls += 1
        branch = self.branch(x)
        return x + branch if self.calls % 2 == 1 else branch + x


class Replaced(Block):
    """Another sum in the branch's place every other time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Y = x or so."""
        self.calls += 1
        return x + self.branch(x) if self.calls % 2 == 1 else x * 1.0 + 0 * x


class Skipped(Block):
    """Stochastic depth with an `if`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Y = x, or x + F."""
        if torch.rand(()) < 0.5:
            return x
        return x + self.branch(x)


def made(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def seeded() -> nn.Module:
        torch.manual_seed(3)
        return make().double()

    return seeded


def batch(*shape: int, seed: int = 0) -> Example:
    generator = torch.Generator().manual_seed(seed)
    return Example((torch.randn(*shape, 6, generator=generator, dtype=torch.float64),))


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()
    counters.clear()


def test_sequences_longer_than_the_first_are_recorded(spool: pathlib.Path) -> None:
    given = [batch(2, tokens, seed=tokens) for tokens in (4, 9, 40)]
    wanted, eager = frames_of(made(Net), given, lambda model: model, spool)
    losses, frames = frames_of(made(Net), given, whole("aot_eager"), spool)
    assert losses == pytest.approx(wanted, rel=1e-12)
    assert not differences(eager, frames, 1e-9)


def test_a_first_argument_without_rows_is_no_measure_of_the_batch(spool: pathlib.Path) -> None:
    class Conditioned(Net):
        def forward(self, time: torch.Tensor, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return super().forward(x) + time.sum()

    given = [Example((torch.ones(1, dtype=torch.float64), *batch(5).args))] * 2
    wanted, eager = frames_of(made(Conditioned), given, lambda model: model, spool)
    losses, frames = frames_of(made(Conditioned), given, whole("eager"), spool)
    assert losses == wanted
    assert not differences(eager, frames, 1e-9)


@pytest.mark.parametrize(
    "make", [Permuted, lambda: Net(Swapped), lambda: Net(Replaced)],
    ids=["permuted", "swapped", "replaced"],
)  # fmt: skip
def test_another_branch_at_a_blocks_number_is_left_out(
    make: Callable[[], nn.Module], spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [batch(5, seed=seed) for seed in range(3)]
    wanted, eager = frames_of(made(make), given, lambda model: model, spool, strict=False)
    losses, frames = frames_of(made(make), given, whole("eager"), spool, strict=False)
    assert losses == wanted
    assert OTHER in capfd.readouterr().err
    assert [len(frame.blocks) for frame in frames] == [3, 0, 3]
    assert not differences([eager[0], eager[2]], [frames[0], frames[2]], 1e-9)


def test_blocks_that_were_inferred_have_no_place(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [batch(5, seed=seed) for seed in range(3)]
    frames_of(made(lambda: Net(Skipped)), given, lambda model: model, spool)
    _, eager = frames_of(made(lambda: Net(Skipped)), given, lambda model: model, spool)
    _, frames = frames_of(
        made(lambda: Net(Skipped)), given, whole("eager", fullgraph=False), spool, strict=False
    )
    assert "blocks cannot be followed through compiled code" in capfd.readouterr().err
    for first, second in zip(eager, frames, strict=True):
        known = {block.ordinal: block for block in first.blocks}
        for block in second.blocks:
            assert block.samples == known[block.ordinal].samples
            assert block.dropped == known[block.ordinal].dropped


@pytest.mark.parametrize("first", ["a loss", "autograd.grad"])
def test_a_second_backward_pass_through_one_forward(first: str, spool: pathlib.Path) -> None:
    model = made(Net)().train()
    optimizer = sgd(model.parameters())
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(2):
            optimizer.zero_grad()
            inputs = batch(5, seed=step).args[0].requires_grad_()
            output = compiled(inputs)
            if first == "a loss":
                output.abs().mean().backward(retain_graph=True)
            else:
                torch.autograd.grad(output.sum(), inputs, retain_graph=True)
            output.square().mean().backward()
            optimizer.step()
    assert [len(frame.blocks) for frame in frames_in(spool)] == [3, 3]
    assert frames_in(spool)[0].blocks[0].output_grad_norm is None


def test_measured_code_does_not_count_against_the_networks_limit(spool: pathlib.Path) -> None:
    model = made(Net)().train()
    optimizer = sgd(model.parameters())
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=False)
    limit = torch._dynamo.config.recompile_limit
    with resnet_probe.attach(model, optimizer, every=2, strict=True):
        for step in range(limit * 3):
            train_step(compiled, optimizer, batch(4 + step % limit))
    assert torch._dynamo.config.recompile_limit == limit
    assert len(frames_in(spool)) == limit * 3 // 2


def test_where_torch_gave_up_nothing_is_called_dropped(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = made(Net)().train()
    optimizer = sgd(model.parameters())
    compiled = torch.compile(model, backend="eager", dynamic=False)
    limit = torch._dynamo.config.recompile_limit
    for rows in range(4, 6 + limit):
        train_step(compiled, optimizer, batch(rows))
    with resnet_probe.attach(model, optimizer, every=1):
        train_step(compiled, optimizer, batch(3))
    blocks = [block for frame in frames_in(spool) for block in frame.blocks]
    assert not any(block.dropped for block in blocks)
    assert all(block.identity_gap for block in blocks)
    assert blocks or "ran uncompiled" in capfd.readouterr().err


def test_parts_of_torchs_own_classes_share_one_graph(spool: pathlib.Path) -> None:
    model = nn.Sequential(
        *(nn.TransformerEncoderLayer(8, 2, 16, dropout=0, batch_first=True) for _ in range(6))
    ).double()
    for place in range(6):
        model[place] = torch.compile(model[place], backend="eager", fullgraph=True)
    optimizer = sgd(model.parameters())
    example = Example((torch.randn(2, 5, 8, dtype=torch.float64),))
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(2):
            train_step(model, optimizer, example)
    assert graphs() == 2  # as without a probe: the first layer's input needs no gradient
    assert [len(frame.blocks) for frame in frames_in(spool)] == [12, 12]


@pytest.mark.parametrize("where", ["a function", "its method"])
def test_an_optimizer_that_steps_within_compiled_code(
    where: str, spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = made(Net)().train()
    optimizer = sgd(model.parameters())
    step = torch.compile(
        (lambda: optimizer.step()) if where == "a function" else optimizer.step, backend="eager"
    )
    with resnet_probe.attach(model, optimizer, every=1):
        for number in range(4):
            optimizer.zero_grad()
            model(*batch(5, seed=number).args).square().mean().backward()
            step()
    assert [len(frame.blocks) for frame in frames_in(spool)] == [3] * 4
    said = capfd.readouterr().err
    assert said.count("parameters change though attach's optimizer does not step") == 1


def test_images_and_batches_that_grow(spool: pathlib.Path) -> None:
    class Convolutions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3, padding=1)
            self.layers = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            for layer in self.layers:
                x = x + layer(x)
            return x

    torch.manual_seed(0)
    shapes = [(4, 3, 8, 8), (20, 3, 12, 12), (20, 3, 12, 12)]
    given = [Example((torch.randn(*shape, dtype=torch.float64),)) for shape in shapes]
    _, eager = frames_of(made(Convolutions), given, lambda model: model, spool)
    _, frames = frames_of(made(Convolutions), given, whole("aot_eager"), spool)
    assert not differences(eager[::2], frames[::2], 1e-9)
    assert not differences(eager, frames, 1e-9, absent=frozenset({"constant_fraction"}))


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("part", ["the network", "each layer"])
def test_compiled_code_that_a_checkpoint_runs_again(
    part: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = made(Net)().train()
    optimizer = sgd(model.parameters())
    again = {"use_reentrant": False}
    with resnet_probe.attach(model, optimizer, every=1, example=batch(2).args):
        called = torch.compile(model, backend="aot_eager") if part == "the network" else model
        if part == "each layer":
            for layer in model.layers:  # type: ignore[union-attr]
                layer.compile(backend="aot_eager")

            def forward(x: torch.Tensor) -> torch.Tensor:
                x = model.stem(x)  # type: ignore[operator]
                for layer in model.layers:  # type: ignore[union-attr]
                    x = torch.utils.checkpoint.checkpoint(layer, x, **again)
                return model.head(x)  # type: ignore[no-any-return,operator]

            model.forward = forward
        for seed in range(2):
            optimizer.zero_grad()
            x = batch(5, seed=seed).args[0]
            if part == "the network":
                output = torch.utils.checkpoint.checkpoint(called, x, **again)
            else:
                output = model(x)
            output.square().mean().backward()
            optimizer.step()
    assert "compiled code within a checkpoint is left out" in capfd.readouterr().err


@pytest.mark.usefixtures("spool")
def test_a_step_between_a_compiled_forward_and_its_backward() -> None:
    losses = []
    for probed in (False, True):
        torch._dynamo.reset()
        model, head = made(Net)().train(), made(lambda: nn.Linear(3, 1))()
        optimizer, other = sgd(model.parameters()), sgd(head.parameters())
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        probe = resnet_probe.attach(model, other, every=1) if probed else None
        for seed in range(2):
            first = compiled(*batch(5, seed=seed).args)
            head(first.detach()).mean().backward()
            other.step()
            second = compiled(*batch(5, seed=9 + seed).args)
            loss = first.square().mean() + second.square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if probe is not None:
            probe.finish()
    assert losses[:2] == losses[2:]


@pytest.mark.usefixtures("spool")
def test_a_finished_probe_keeps_no_network() -> None:
    gc.collect()
    gc.disable()
    try:
        model = made(Net)().train()
        optimizer = sgd(model.parameters())
        probe = resnet_probe.attach(model, optimizer, every=1, strict=True)
        train_step(torch.compile(model, backend="eager"), optimizer, batch(5))
        probe.finish()
        kept = weakref.ref(model)
        del model, optimizer
        assert kept() is None
    finally:
        gc.enable()
    assert probe.blocks is not None


def test_what_a_pass_did_not_write_is_no_number() -> None:
    block = resnet_probe.find_blocks(Net(), torch.randn(2, 6))[0]
    buffers = Buffers(block, "full", 4, 8, torch.device("cpu"), torch.float32)
    buffers.forward.fill_(1)
    buffers.begin()
    sums = buffers.sums(Seen(4, 8, 8), None, counts_absorbed=True)
    assert not sums.entering().any()
    assert sums.column_sum is not None
    assert sums.column_sum.isnan().all()
    assert buffers.gradients(Seen(4, 8, 8)).square.isnan().all()
