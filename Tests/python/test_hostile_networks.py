"""Networks and loops that were used against the recorder; each test is named for what broke."""

import copy
import gc
import io
import pathlib
import pickle
from collections.abc import Callable

import pytest
import resnet_probe
import torch
from resnet_probe import Probe
from resnet_probe.blocks import BlockMap
from torch import Tensor, nn

from frames import RecordedFrame, frames_in

Step = Callable[[nn.Module, Tensor], Tensor]


class Block(nn.Module):
    """x + join(x, F(x)) of a given join."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
        self.join = join or torch.add

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x, self.f(x))


def network(*blocks: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), *blocks, nn.Linear(8, 3))


def trained(
    model: nn.Module, spool: pathlib.Path, steps: int = 2, **options: object
) -> tuple[list[RecordedFrame], BlockMap | None]:
    """The frames of a few steps on one batch, and the blocks."""
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    batch = torch.randn(16, 8, generator=torch.Generator().manual_seed(1))
    with resnet_probe.attach(model, optimizer, every=1, **options) as probe:  # type: ignore[arg-type]
        for _ in range(steps):
            optimizer.zero_grad()
            model(batch).square().sum().backward()
            optimizer.step()
    return (frames_in(spool) if spool.exists() else []), probe.blocks


def gap(frame: RecordedFrame, ordinal: int = 0) -> float:
    found = frame[ordinal].identity_gap
    assert found is not None
    assert found.p50 is not None
    return found.p50


def test_a_learned_gate_with_noise_is_no_drop_mask(spool: pathlib.Path) -> None:
    gate = nn.Parameter(torch.tensor(1e-3))
    block = Block(lambda x, f: x + f * (gate * (1 + 0.1 * torch.randn(()))))
    block.gate = gate  # type: ignore[assignment]
    frames, _ = trained(network(block), spool)
    assert all(frame[0].dropped == 0 for frame in frames)
    assert gap(frames[0]) < 0.02


def test_a_drop_by_choice_counts_the_dropped(spool: pathlib.Path) -> None:
    def join(x: Tensor, f: Tensor) -> Tensor:
        return x + torch.where(torch.rand(len(x), 1) < 0.5, f, 0.0)

    frames, _ = trained(network(Block(join)), spool)
    assert all(0 < frame[0].dropped < 16 for frame in frames)
    assert all(gap(frame) > 0.1 for frame in frames)


def test_a_permuted_shortcut_is_no_identity() -> None:
    class Permuted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            return x.transpose(1, 2) + self.f(x)

    blocks = resnet_probe.find_blocks(nn.Sequential(Permuted()), torch.randn(2, 6, 6))
    assert [block.shortcut for block in blocks] in ([], ["projection"])


def test_a_stream_written_through_a_view_is_no_identity(spool: pathlib.Path) -> None:
    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            x = x * 1.0
            f = self.f(x.clone())
            with torch.no_grad():
                x[:, :6].zero_()
            return x + 0 * f

    _, blocks = trained(network(Written()), spool)
    assert blocks is not None
    assert blocks.count("residual", "identity") == 0


def test_what_is_copied_into_a_view_depends_on_the_input() -> None:
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(Block(), Block())

        def forward(self, x: Tensor) -> Tensor:
            padded = x.new_zeros(len(x), 8)
            padded[:, :6].copy_(x)
            return self.body(padded)

    assert len(resnet_probe.find_blocks(Padded(), torch.randn(2, 6))) == 2


def test_the_relu_of_the_next_block_is_not_the_blocks() -> None:
    class PreActivation(nn.Module):
        def __init__(self, projects: bool) -> None:
            super().__init__()
            self.conv = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))
            self.skip = nn.Conv2d(4, 4, 1) if projects else None

        def forward(self, x: Tensor) -> Tensor:
            out = x.relu() * 1.5
            return (x if self.skip is None else self.skip(out)) + self.conv(out)

    body = [PreActivation(projects) for projects in (False, False, True, False)]
    blocks = resnet_probe.find_blocks(
        nn.Sequential(nn.Conv2d(3, 4, 1), *body), torch.randn(2, 3, 8, 8)
    )
    assert [block.activation for block in blocks] == ["identity"] * 4


def test_an_inner_concatenation_hides_no_residual_block() -> None:
    class Ghost(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.primary, self.cheap = nn.Conv2d(4, 2, 1), nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            first = self.primary(x)
            return torch.cat([first, self.cheap(first)], 1)

    class Bottleneck(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ghosts = nn.Sequential(Ghost(), Ghost())

        def forward(self, x: Tensor) -> Tensor:
            return x + self.ghosts(x)

    model = nn.Sequential(nn.Conv2d(3, 4, 1), Bottleneck(), Bottleneck())
    blocks = resnet_probe.find_blocks(model, torch.randn(2, 3, 8, 8))
    assert [(block.name, block.kind) for block in blocks] == [("1", "residual"), ("2", "residual")]


def test_experts_that_change_are_not_dropped_samples(spool: pathlib.Path) -> None:
    class Experts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(8)
            self.experts = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
            self.turn = 0

        def forward(self, x: Tensor) -> Tensor:
            self.turn += 1
            return x + self.experts[self.turn % 3](self.norm(x))

    frames, _ = trained(network(Experts()), spool, steps=4)
    assert [(frame[0].samples, frame[0].dropped) for frame in frames] == [(16, 0)] * 4
    assert all(gap(frame) > 0.1 for frame in frames)


def test_a_part_that_was_pruned_is_silent_and_not_dropped(spool: pathlib.Path) -> None:
    model = network(Block(), Block())
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with resnet_probe.attach(model, optimizer, every=1):
        for step in range(3):
            if step == 1:
                model[1] = nn.Identity()
            optimizer.zero_grad()
            model(torch.randn(16, 8)).sum().backward()
            optimizer.step()
    frames = frames_in(spool)
    assert [[block.ordinal for block in frame.blocks] for frame in frames] == [[0, 1], [1], [1]]


@pytest.mark.parametrize("padded", [False, True])
def test_an_eval_mode_encoder_keeps_its_fused_path(spool: pathlib.Path, padded: bool) -> None:
    def run(attached: bool) -> list[Tensor]:
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 2).eval().requires_grad_(False)

        class Adapted(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.encoder, self.block = encoder, Block()

            def forward(self, x: Tensor) -> Tensor:
                mask = torch.zeros(x.shape[:2], dtype=torch.bool)
                mask[:, 3:] = padded
                with torch.no_grad():
                    x = self.encoder(x, src_key_padding_mask=mask)
                return self.block(x).sum(1)

        model = Adapted()
        model.block.train()
        optimizer = torch.optim.SGD(model.block.parameters(), 0.1)
        if attached:
            resnet_probe.attach(model, optimizer, every=1, strict=True)
        batch = torch.randn(4, 5, 8)
        losses = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = model(batch).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return losses

    assert all(map(torch.equal, run(False), run(True)))
    assert len(frames_in(spool)) <= 4


def test_saliency_is_no_training(spool: pathlib.Path) -> None:
    model = network(Block())
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    batch = torch.randn(16, 8, requires_grad=True)
    with resnet_probe.attach(model, optimizer, every=1):
        for _ in range(2):
            optimizer.zero_grad()
            torch.autograd.grad(1e6 * model(batch).sum(), batch)
            model(batch.detach()).sum().backward()
            optimizer.step()
    for frame in frames_in(spool):
        assert (frame[0].samples, frame[0].micro_batches) == (16, 1)
        assert frame[0].output_grad_norm is not None
        assert frame[0].output_grad_norm.mean < 1e4


def test_forwards_that_train_nothing_hold_no_memory(spool: pathlib.Path) -> None:
    model = network(Block())
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with resnet_probe.attach(model, optimizer, every=1) as probe:
        model(torch.randn(16, 8)).sum().backward()
        optimizer.step()
        for _ in range(50):
            model(torch.randn(16, 8))
        gc.collect()
        assert probe._loop is not None
        assert len(probe._loop._watch.passes) <= 2
    assert len(frames_in(spool)) == 1


def test_an_optimizer_that_never_steps_is_said(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = network(Block())
    with resnet_probe.attach(model, torch.optim.SGD(model.parameters(), 0.01)) as probe:
        for _ in range(1002):
            model(torch.randn(2, 8)).sum().backward()
        assert probe._loop is not None
        assert not probe._loop._watch.passes
    assert "1000 training forwards came without a step of the optimizer" in capfd.readouterr().err
    assert frames_in(spool) == []


def test_a_network_that_holds_its_probe_is_copied(spool: pathlib.Path) -> None:
    model = network(Block())
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    probe = resnet_probe.attach(model, optimizer, every=1)
    model.probe = probe  # type: ignore[assignment]
    twin = copy.deepcopy(model)
    assert isinstance(twin.probe, Probe)
    assert not twin.probe.is_recording
    assert twin.probe.run == probe.run
    torch.save(model, io.BytesIO())
    assert not pickle.loads(pickle.dumps(probe)).is_recording
    model(torch.randn(4, 8)).sum().backward()
    optimizer.step()
    probe.finish()
    assert len(frames_in(spool)) == 1


def test_probes_on_a_network_and_a_part_of_it_leave_nothing(spool: pathlib.Path) -> None:
    model = nn.Sequential(network(Block()), Block(lambda x, f: x + f))
    model[1].f = nn.Linear(3, 3)  # type: ignore[assignment]
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    probes = [resnet_probe.attach(part, optimizer, every=1) for part in (model, model[0])]
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(4, 8)).sum().backward()
        optimizer.step()
    assert torch.overrides._get_current_function_mode_stack() == []
    for probe in probes:
        probe.finish()
    assert len(list(spool.glob("*.rpj"))) == 2


def test_a_mode_that_outlives_the_forward_leaves_no_tap(spool: pathlib.Path) -> None:
    class Mode(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
            return function(*args, **(kwargs or {}))

    mode = Mode()

    class Entering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network(Block())

        def forward(self, x: Tensor) -> Tensor:
            mode.__enter__()  # type: ignore[no-untyped-call]
            return self.body(x)

    model = Entering()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with resnet_probe.attach(model, optimizer, every=1):
        for _ in range(2):
            model(torch.randn(4, 8)).sum().backward()
            mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]
            optimizer.step()
    assert torch.overrides._get_current_function_mode_stack() == []
    assert len(frames_in(spool)) == 2


@pytest.mark.parametrize("value", [5, torch.tensor(1.0), [1, 2], "loss"])
def test_log_of_what_is_no_mapping_is_said(
    value: object, spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = network(Block())
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with resnet_probe.attach(model, optimizer, every=1) as probe:
        model(torch.randn(4, 8)).sum().backward()
        optimizer.step()
        probe.log(value, loss=2.5)  # type: ignore[arg-type]
    assert frames_in(spool)[0].loss == 2.5
    assert "probe.log takes a mapping or keywords (loss=…)" in capfd.readouterr().err


def test_one_bad_value_costs_neither_the_loss_nor_the_end(spool: pathlib.Path) -> None:
    class Odd:
        def __float__(self) -> float:
            raise RuntimeError("no")

    model = network(Block())
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with resnet_probe.attach(model, optimizer, every=1) as probe:
        model(torch.randn(4, 8)).sum().backward()
        optimizer.step()
        probe.log(
            odd=Odd(), huge=10**400, meta=torch.zeros((), device="meta"), complex=1j, loss=1.5
        )
    (frame,) = frames_in(spool)
    assert frame.loss == 1.5
    assert set(frame.metrics) == {"loss"}


def test_a_failed_attach_leaves_no_hooks() -> None:
    model = network(Block())
    with pytest.raises(ValueError, match="cannot attach to Sequential"):
        resnet_probe.attach(model, torch.optim.SGD(model.parameters(), 0.01), scaler=5)
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_a_float_attention_mask_is_not_read_as_one_that_counts(spool: pathlib.Path) -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Block()

        def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
            return self.block(x) * (attention_mask[..., None] == 0)

    model = Masked()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    masks = (torch.zeros(4, 6), torch.ones(4, 6, dtype=torch.long))
    masks[0][:, 4:], masks[1][:, 4:] = -1e9, 0
    with resnet_probe.attach(model, optimizer, every=1):
        for mask in masks:
            model(torch.randn(4, 6, 8), attention_mask=mask).sum().backward()
            optimizer.step()
    assert [frame[0].samples for frame in frames_in(spool)] == [24, 16]
