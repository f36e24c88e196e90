"""What is no training is not recorded, and training that breaks off goes on exactly."""

import copy
import gc
import pathlib
import threading
import weakref
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack

from frames import frames_by_run
from networks.cifar_resnet import CifarResNet
from networks.entry import Example, mean_loss
from networks.unknown import InlineTop
from recorded import Rows, check, expected, only_frames, sgd, train_step

WITHOUT = ("absorbed_fraction",)
"""A question of float32; the networks here are in float64."""


def images(seed: int = 0, samples: int = 8) -> Example:
    draw = torch.Generator().manual_seed(seed)
    return Example((torch.randn(samples, 3, 8, 8, generator=draw, dtype=torch.float64),))


def network(seed: int = 5) -> CifarResNet:
    torch.manual_seed(seed)
    return CifarResNet(8, "B", 4).double().train()


def checked(spool: pathlib.Path, rows: list[Rows], relative: float = 1e-9) -> None:
    for frame, wanted in zip(only_frames(spool, len(rows)), rows, strict=True):
        check(frame, wanted, relative=relative, without=WITHOUT)


def test_validation_between_steps_is_never_training(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            model.eval()
            model(*images(100 + step, 5).args)
            with torch.no_grad():
                model(*images(200 + step, 5).args)
                model.train()
                momentum = model.bn1.momentum
                model(*images(300 + step, 5).args)  # as when batch norms are estimated anew
                model.bn1.momentum = momentum
            with torch.inference_mode():
                model.eval()
                model(*images(400 + step, 5).args)
            model.train()
            rows.append(expected(model, mean_loss, [images(step)], optimizer=sgd))
            train_step(model, optimizer, images(step))
    checked(spool, rows)


def test_a_validation_within_an_accumulated_step_changes_nothing(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    batches = [images(0), images(1)]
    rows = expected(model, lambda out: mean_loss(out) / 2, batches, optimizer=sgd)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for batch in batches:
            (mean_loss(model(*batch.args)) / 2).backward()
            model.eval()
            model(*images(9).args).sum()
            model.train()
        optimizer.step()
    checked(spool, [rows])


def test_forwards_without_a_backward_train_nothing(spool: pathlib.Path) -> None:
    model = network().apply(without_statistics)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(2):
            rows.append(expected(model, mean_loss, [images(step)], optimizer=sgd))
            for other in range(3):
                model(*images(50 + other, 3).args)
            train_step(model, optimizer, images(step))
            for other in range(2):
                model(*images(70 + other, 3).args)
    checked(spool, rows)


def without_statistics(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm2d):
        module.track_running_stats = False


class Breaking(InlineTop):
    """Raises in its forward, or its backward, when told to."""

    def __init__(self) -> None:
        super().__init__(6)
        self.breaks: type[BaseException] | None = None
        self.where = "forward"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.f1(x))
        x = torch.relu(self.f2(x) + x)
        if self.breaks is not None and self.where == "forward":
            raise self.breaks
        if self.breaks is not None and self.where == "backward":
            x.register_hook(self._raise)
        x = torch.relu(x + self.f3(x))
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]

    def _raise(self, _: object) -> None:
        assert self.breaks is not None
        raise self.breaks


def listening() -> list[Any]:
    """The function modes that still look at operations after one more."""
    torch.zeros(2) + torch.ones(2)
    stack = _get_current_function_mode_stack()
    return [mode for mode in stack if not getattr(mode, "_is_left", False)]


@pytest.mark.parametrize("first", [True, False], ids=["the first step", "a later step"])
@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_training_goes_on_exactly_after_an_exception(
    first: bool, where: str, error: type[BaseException], spool: pathlib.Path
) -> None:
    torch.manual_seed(5)
    model = Breaking().double().train().apply(without_statistics)
    optimizer = sgd(model.parameters())
    rows = []
    twin = InlineTop(6).double().train().apply(without_statistics)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            model.breaks, model.where = None, where
            if step == (0 if first else 1):
                model.breaks = error
                with pytest.raises(error):
                    train_step(model, optimizer, images(step, 5))
                model.breaks = None
                assert not listening()
            twin.load_state_dict(model.state_dict())
            wanted = expected(twin, mean_loss, [images(step)], optimizer=sgd)
            train_step(model, optimizer, images(step))
            rows.append(wanted)
            assert not _get_current_function_mode_stack()
    if where == "forward":
        checked(spool, rows)
        return
    # A backward pass that broke off reached the network's end: its micro-batch was training.
    frames = only_frames(spool, 3)
    for place, (frame, wanted) in enumerate(zip(frames, rows, strict=True)):
        if place != (0 if first else 1):
            check(frame, wanted, relative=1e-9, without=WITHOUT)
        else:
            assert all(block.micro_batches == 2 for block in frame.blocks)


def test_two_probes_record_two_networks_each_its_own(spool: pathlib.Path) -> None:
    models = [network(1), network(2)]
    optimizers = [sgd(model.parameters()) for model in models]
    rows: dict[str, list[Rows]] = {"first": [], "second": []}
    probes = [
        resnet_probe.attach(model, optimizer, every=1, run=name, strict=True)
        for model, optimizer, name in zip(models, optimizers, rows, strict=True)
    ]
    for step in range(3):
        for name, model, optimizer in zip(rows, models, optimizers, strict=True):
            rows[name].append(expected(model, mean_loss, [images(step)], optimizer=sgd))
            train_step(model, optimizer, images(step))
    for probe in probes:
        probe.finish()
    found = frames_by_run(spool)
    for name, wanted in rows.items():
        assert len(found[name]) == 3
        for frame, row in zip(found[name], wanted, strict=True):
            check(frame, row, relative=1e-9, without=WITHOUT)


class Outer(nn.Module):
    """A network whose forward runs another one that is recorded too."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.fc1 = nn.Linear(10, 10)
        self.fc2 = nn.Linear(10, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.inner(x)
        return x + self.fc2(torch.relu(self.fc1(x)))  # type: ignore[no-any-return]


def test_a_recorded_network_inside_a_recorded_network(spool: pathlib.Path) -> None:
    inner = network()
    outer = Outer(inner).double().train()
    optimizer = sgd(outer.parameters())
    probes = [
        resnet_probe.attach(inner, optimizer, every=1, run="inner", strict=True),
        resnet_probe.attach(outer, optimizer, every=1, run="outer", strict=True),
    ]
    rows = []
    head = [nn.Linear(10, 10).double(), nn.Linear(10, 10).double()]

    def of_outer(x: torch.Tensor) -> torch.Tensor:
        return mean_loss(x + head[1](torch.relu(head[0](x))))

    for step in range(3):
        head[0].load_state_dict(outer.fc1.state_dict())
        head[1].load_state_dict(outer.fc2.state_dict())
        rows.append(expected(inner, of_outer, [images(step)], optimizer=sgd))
        train_step(outer, optimizer, images(step))
    for probe in probes:
        probe.finish()
    found = frames_by_run(spool)
    for frame, wanted in zip(found["inner"], rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)
    assert len(found["outer"]) == 3
    for frame, twin in zip(found["outer"], found["inner"], strict=True):
        assert len(frame.blocks) == 4
        assert frame.blocks[:3] == twin.blocks


def test_two_networks_train_in_two_threads_at_once(spool: pathlib.Path) -> None:
    rows: dict[str, list[Rows]] = {"first": [], "second": []}
    models = {"first": network(1), "second": network(2)}
    for name, model in models.items():
        twin, batch = network(1 if name == "first" else 2), images()
        optimizer = sgd(twin.parameters())
        for _ in range(4):
            rows[name].append(expected(twin, mean_loss, [batch], optimizer=sgd))
            train_step(twin, optimizer, batch)
        assert model is not twin
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def train(name: str) -> None:
        try:
            model = models[name]
            optimizer = sgd(model.parameters())
            with resnet_probe.attach(model, optimizer, every=1, run=name, strict=True):
                start.wait(30)
                for _ in range(4):
                    train_step(model, optimizer, images())
        except BaseException as error:
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=train, args=(name,)) for name in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    found = frames_by_run(spool)
    for name, wanted in rows.items():
        assert len(found[name]) == 4
        for frame, row in zip(found[name], wanted, strict=True):
            check(frame, row, relative=1e-9, without=WITHOUT)


def test_another_thread_that_runs_the_network_meanwhile_is_not_in_the_record(
    spool: pathlib.Path,
) -> None:
    model = network().apply(without_statistics)
    clean = copy.deepcopy(model)
    failures: list[BaseException] = []

    def evaluate() -> None:
        try:
            with torch.no_grad():
                model(*images(99, 5).args)
            mean_loss(model(*images(98, 5).args))
        except BaseException as error:
            failures.append(error)

    def beside(*_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            thread = threading.Thread(target=evaluate)
            thread.start()
            thread.join(30)

    model.layer2[0].conv1.register_forward_hook(beside)  # type: ignore[union-attr]
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            clean.load_state_dict(model.state_dict())
            rows.append(expected(clean, mean_loss, [images(step)], optimizer=sgd))
            train_step(model, optimizer, images(step))
    assert not failures
    checked(spool, rows)


@pytest.mark.usefixtures("spool")
def test_nothing_of_a_step_stays_alive_after_it() -> None:
    model = network()
    optimizer = sgd(model.parameters())
    kept: list[weakref.ref[Any]] = []
    handles = [
        module.register_forward_hook(lambda _m, _a, out: kept.append(weakref.ref(out)))
        for module in model.modules()
    ]
    gc.disable()  # nothing may wait for the collector
    try:
        with resnet_probe.attach(model, optimizer, every=1, strict=True):
            for step in range(3):
                train_step(model, optimizer, images(step))
                assert kept
                assert not [one() for one in kept if one() is not None]
                kept.clear()
    finally:
        gc.enable()
    for handle in handles:
        handle.remove()


@pytest.mark.usefixtures("spool")
def test_forwards_without_backward_hold_no_activations_after_the_next_step() -> None:
    model = network()
    optimizer = sgd(model.parameters())
    kept: list[weakref.ref[Any]] = []
    model.layer1.register_forward_hook(lambda _m, _a, out: kept.append(weakref.ref(out)))
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(model, optimizer, images())
        for _ in range(50):
            model(*images().args)
        gc.collect()
        assert sum(one() is not None for one in kept) <= 1
        train_step(model, optimizer, images())
        gc.collect()
        assert not any(one() is not None for one in kept)


@pytest.mark.usefixtures("spool")
def test_five_hundred_measured_steps_do_not_grow() -> None:
    torch.manual_seed(5)
    model = InlineTop(2).train()
    optimizer = sgd(model.parameters())
    batch = Example((torch.randn(2, 3, 4, 4),))
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(20):
            train_step(model, optimizer, batch)
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(500):
            train_step(model, optimizer, batch)
        gc.collect()
        assert len(gc.get_objects()) < before + 100
