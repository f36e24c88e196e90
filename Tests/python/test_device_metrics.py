"""Numbers logged as tensors: kept, copied together, handed out in order."""

import pathlib

import pytest
import torch
from frames import frames_in
from journals import METRICS, Folder
from torch import nn

import resnet_probe
from resnet_probe.device_metrics import GATHERED, DeviceMetrics


def test_tensors_come_back_by_step_in_order() -> None:
    metrics = DeviceMetrics()
    metrics.add(3, {"loss": torch.tensor(1.5), "accuracy": torch.tensor([0.25])})
    metrics.add(4, {"loss": torch.tensor(1.25, dtype=torch.bfloat16)})
    assert metrics.ready() == []
    metrics.start()
    assert metrics.ready() == [(3, {"loss": 1.5, "accuracy": 0.25}), (4, {"loss": 1.25})]
    assert metrics.ready(wait=True) == []


def test_what_is_gathered_does_not_grow_without_bound() -> None:
    metrics = DeviceMetrics()
    for step in range(GATHERED):
        metrics.add(step, {"loss": torch.tensor(float(step))})
    assert [step for step, _ in metrics.ready()] == list(range(GATHERED))


def test_a_tensor_that_was_logged_keeps_no_graph() -> None:
    weight = nn.Parameter(torch.ones(1))
    loss = (weight * 2).sum()
    metrics = DeviceMetrics()
    metrics.add(0, {"loss": loss})
    metrics.start()
    ((_, values),) = metrics.ready()
    assert values == {"loss": 2.0}


def test_what_is_logged_before_the_first_forward_is_kept(spool: pathlib.Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with resnet_probe.attach(model, optimizer, every=1) as probe:
        probe.log(seed=7)
        model(torch.ones(2, 4)).sum().backward()
        probe.log({"loss": torch.tensor(0.5)}, accuracy=0.75)
        optimizer.step()
        probe.log(late=1)
    (frame,) = frames_in(spool)
    assert frame.loss == pytest.approx(0.5)
    assert frame.metrics == {"seed": 7.0, "loss": 0.5, "accuracy": 0.75, "late": 1.0}
    assert Folder(spool).of(METRICS) == []


def test_values_that_are_no_numbers_are_said(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with resnet_probe.attach(model, optimizer, every=1) as probe:
        model(torch.ones(2, 4)).sum().backward()
        probe.log(loss=torch.ones(3), name="x")
        optimizer.step()
    assert frames_in(spool)[0].loss is None
    assert "a metric was passed over; a key takes 1 to 256 bytes, a value is a number" in (
        capfd.readouterr().err
    )
