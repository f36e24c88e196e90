"""Loss scales, half precision and fused optimizers."""

import math
import pathlib
from typing import Any

import pytest
import resnet_probe
import torch

from networks.cifar_resnet import CifarResNet
from networks.entry import Example, mean_loss
from networks.gpt import GPT
from networks.unknown import GatedMLP, ReZeroBlock
from recorded import check, expected, only_frames, sgd, train_step

WITHOUT = ("absorbed_fraction",)


def images(seed: int = 0) -> Example:
    draw = torch.Generator().manual_seed(seed)
    return Example((torch.randn(8, 3, 8, 8, generator=draw, dtype=torch.float64),))


def network() -> CifarResNet:
    torch.manual_seed(5)
    return CifarResNet(8, "B", 4).double().train()


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=1e-3, fused=True)


@pytest.mark.parametrize("unscales", [False, True], ids=["", "unscale_"])
@pytest.mark.parametrize("make", [sgd, adam], ids=["SGD", "fused Adam"])
def test_the_scale_of_the_loss_is_divided_out_and_skipped_steps_are_marked(
    make: Any,
    unscales: bool,
    spool: pathlib.Path,
) -> None:
    model = network()
    optimizer = make(model.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    rows, scales = [], []
    with resnet_probe.attach(model, optimizer, scaler=scaler, every=1, strict=True):
        for step in range(6):
            clip = 0.01 if unscales else None
            options = {"optimizer": sgd} if make is sgd else {}
            rows.append(expected(model, mean_loss, [images(step)], clip=clip, **options))
            scales.append(scaler.get_scale())
            optimizer.zero_grad()
            loss = mean_loss(model(*images(step).args))
            scaler.scale(loss).backward()
            if step in (0, 3):
                model.linear.weight.grad[0, 0] = math.inf  # type: ignore[index]
            if unscales:
                scaler.unscale_(optimizer)
                if step not in (0, 3):
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            scaler.step(optimizer)
            scaler.update()
    frames = only_frames(spool, 6)
    assert [frame.step for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert [frame.skipped for frame in frames] == [True, False, False, True, False, False]
    assert [frame.loss_scale for frame in frames] == scales
    assert scales == [1024, 512, 512, 1024, 512, 512]
    for frame, wanted in zip(frames, rows, strict=True):
        without = WITHOUT if make is sgd else (*WITHOUT, "update_ratio")
        if frame.skipped:
            assert all(block.update_ratio is None for block in frame.blocks)
            without = (*WITHOUT, "update_ratio")
            if unscales:  # nobody clips what is not finite
                without = (*without, "gradient_norm", "gate_gradient")
        check(frame, wanted, relative=1e-9, without=without)


def test_a_scaler_that_is_switched_off_is_none(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    rows = expected(model, mean_loss, [images()], optimizer=sgd)
    with resnet_probe.attach(model, optimizer, scaler=scaler, every=1, strict=True):
        scaler.scale(mean_loss(model(*images().args))).backward()
        scaler.step(optimizer)
        scaler.update()
    (frame,) = only_frames(spool, 1)
    assert frame.loss_scale is None
    assert not frame.skipped
    check(frame, rows, relative=1e-9, without=WITHOUT)


def test_accumulation_under_a_scaler(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    batches = [images(0), images(1)]
    rows = expected(model, lambda out: mean_loss(out) / 2, batches, optimizer=sgd)
    with resnet_probe.attach(model, optimizer, scaler=scaler, every=1, strict=True):
        for batch in batches:
            scaler.scale(mean_loss(model(*batch.args)) / 2).backward()
        scaler.step(optimizer)
        scaler.update()
    (frame,) = only_frames(spool, 1)
    check(frame, rows, relative=1e-9, without=WITHOUT)


@pytest.mark.parametrize("transformer", [False, True], ids=["convolutional", "transformer"])
def test_bf16_autocast_is_as_near_as_its_eight_bits(transformer: bool, spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model: torch.nn.Module
    if transformer:
        model = GPT(50, 16, 1, 2, 32, 0.0).train()
        batch = Example((torch.randint(0, 50, (4, 8)),))
    else:
        model = CifarResNet(8, "B", 4).train()
        batch = Example((images().args[0].float(),))
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(2):
            rows.append(expected(model, mean_loss, [batch], optimizer=sgd))
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = mean_loss(model(*batch.args))
            loss.backward()
            optimizer.step()
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        # What rounding to 8 bits does to gradients through a ReLU near 0 is not small.
        loose = ("taylor_importance", "taylor_signed_mean", "gate_gradient", "branch_gain")
        check(frame, wanted, relative=0.1, without=(*WITHOUT, *loose, "identity_gap_histogram"))


def test_a_network_in_bf16_measures_what_its_tensors_hold(spool: pathlib.Path) -> None:
    class Adds(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map = torch.nn.Linear(16, 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x * self.map.weight.new_ones(())
            self.x, self.f = x.detach(), (f := self.map(x)).detach()
            self.h = x + f
            return self.h

    torch.manual_seed(5)
    model = Adds().bfloat16()
    with torch.no_grad():
        model.map.weight.mul_(1e-3)
        model.map.bias.mul_(1e-3)
    optimizer = sgd(model.parameters())
    x = torch.randn(32, 16, dtype=torch.bfloat16)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(model, optimizer, Example((x,)))
    (frame,) = only_frames(spool, 1)
    x64, f64 = model.x.double(), model.f.double()
    ratio = f64.norm(dim=1) / x64.norm(dim=1)  # N
    gap = frame[0].identity_gap
    assert gap is not None
    assert gap.max == pytest.approx(float(ratio.max()), rel=1e-6)
    assert gap.p50 == pytest.approx(float(ratio.sort().values[15]), rel=1e-6)
    swallowed = ((model.f != 0) & (model.x + model.f == model.x)).sum() / (model.f != 0).sum()
    assert frame[0].absorbed_fraction is not None
    assert frame[0].absorbed_fraction.value == pytest.approx(float(swallowed), rel=1e-6)
    assert frame[0].absorbed_fraction.value > 0.05


def test_a_sample_that_is_not_finite_is_counted_and_left_out(spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model = GatedMLP(ReZeroBlock).double()
    rows = torch.randn(9, 6, dtype=torch.float64)
    wanted = expected(model, mean_loss, [Example((rows[[0, 1, 3, 4, 5, 6, 7, 8]],))])
    rows[2] = math.nan
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(model, optimizer, Example((rows,)))
    (frame,) = only_frames(spool, 1)
    for block, row in zip(frame.blocks, wanted, strict=True):
        assert (block.samples, block.non_finite) == (9, 1)
        for name in ("identity_gap", "residual_ratio"):
            found = getattr(block, name)
            assert found.n == 8
            assert found.p90 == pytest.approx(row[name]["p90"], rel=1e-9)
        assert block.cosine is not None
        assert block.cosine.mean == pytest.approx(row["cosine"]["mean"], rel=1e-9)
        assert block.gradient_norm is None  # it is not finite
