"""Copies of an attached network, attaching anew, and detaching."""

import copy
import io
import pathlib
import pickle
import subprocess
import sys
from collections import OrderedDict
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from frames import frames_by_run
from journals import ATTEMPT_FINISHED, FRAME, ROOT, records
from networks.cifar_resnet import CifarResNet
from networks.entry import Example, mean_loss
from networks.gpt import GPT
from recorded import check, expected, only_frames, sgd, train_step

WITHOUT = ("absorbed_fraction",)


def images(seed: int = 0) -> Example:
    draw = torch.Generator().manual_seed(seed)
    return Example((torch.randn(8, 3, 8, 8, generator=draw, dtype=torch.float64),))


def network() -> CifarResNet:
    torch.manual_seed(5)
    return CifarResNet(8, "B", 4).double().train()


def foreign_hooks(model: nn.Module) -> list[object]:
    """Hooks of this package on a network."""
    return [
        hook
        for module in model.modules()
        for hooks in (module._forward_hooks, module._forward_pre_hooks)
        for hook in hooks.values()
        if type(hook).__module__.startswith("resnet_probe")
    ]


def through_torch_save(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "torch.save": through_torch_save,
    "AveragedModel": lambda model: (
        AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9)).module
    ),
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_made_in_the_middle_of_a_measured_step_is_never_recorded(
    way: str, spool: pathlib.Path
) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    rows = []
    copies: list[nn.Module] = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            rows.append(expected(model, mean_loss, [images(step)], optimizer=sgd))
            optimizer.zero_grad()
            copies.append(COPIES[way](model))
            loss = mean_loss(model(*images(step).args))
            copies.append(COPIES[way](model))
            for twin in copies[-2:]:
                assert not foreign_hooks(twin)
                mean_loss(twin.train()(*images(50 + step).args)).backward()
            loss.backward()
            optimizer.step()
        assert foreign_hooks(model)
    for frame, wanted in zip(only_frames(spool, 3), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)
    twin = copies[-1]
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.eval()(*images().args), model.eval()(*images().args))


def test_a_copy_made_inside_the_forward_is_never_recorded(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    copies: list[nn.Module] = []
    handle = model.layer2.register_forward_hook(
        lambda *_: copies.append(pickle.loads(pickle.dumps(model.layer2[0])))
    )
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            with_handle, model.layer2._forward_hooks = model.layer2._forward_hooks, OrderedDict()
            rows.append(expected(model, mean_loss, [images(step)], optimizer=sgd))
            model.layer2._forward_hooks = with_handle
            train_step(model, optimizer, images(step))
    handle.remove()
    assert len(copies) == 3
    assert not any(foreign_hooks(twin) for twin in copies)
    for frame, wanted in zip(only_frames(spool, 3), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def test_timms_ema_of_an_attached_network(spool: pathlib.Path) -> None:
    utils = pytest.importorskip("timm.utils")
    model = network()
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        ema = utils.ModelEmaV2(model, decay=0.9)
        for step in range(2):
            train_step(model, optimizer, images(step))
            ema.update(model)
            ema.module.train()(*images().args)
    assert not foreign_hooks(ema.module)
    only_frames(spool, 2)


@pytest.mark.usefixtures("spool")
def test_a_saved_network_loads_where_the_package_is_not_installed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.pt"
    model = network()
    optimizer = sgd(model.parameters())
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        loss = mean_loss(model(*images().args))
        torch.save({"model": model, "optimizer": optimizer.state_dict()}, path)
        loss.backward()
        optimizer.step()
    program = (
        "import sys, torch\n"
        "try:\n    import resnet_probe\n    raise SystemExit('it is installed')\n"
        "except ImportError:\n    pass\n"
        "model = torch.load(sys.argv[1], weights_only=False)['model']\n"
        "model(torch.zeros(2, 3, 8, 8, dtype=torch.float64)).sum().backward()\n"
        "assert not any(name.startswith('resnet_probe') for name in sys.modules)\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, timeout=60,
        check=False, env={"PYTHONPATH": str(ROOT / "Tests" / "python")},
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr


def state_of(thing: Any) -> Any:
    """All that lies in an object, deep, without the numbers in tensors."""
    return _state(vars(thing), {})


def _state(value: Any, seen: dict[int, int]) -> Any:
    if isinstance(value, torch.Tensor):
        hooks = value._backward_hooks
        return ("tensor", id(value), len(hooks) if hooks else 0)
    if value is None or isinstance(value, (str, int, float, bool, torch.dtype, torch.device, type)):
        return value
    if id(value) in seen:
        return ("seen", seen[id(value)])
    seen[id(value)] = len(seen)
    if isinstance(value, dict):
        return [
            (k if isinstance(k, (str, int)) else id(k), _state(v, seen)) for k, v in value.items()
        ]
    if isinstance(value, (list, tuple, set)):
        return [type(value).__name__, *(_state(v, seen) for v in value)]
    has_state = hasattr(value, "__dict__") and (isinstance(value, nn.Module) or not callable(value))
    return (type(value).__qualname__, id(value), _state(vars(value), seen) if has_state else None)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("where", ["unused", "between steps", "in a step", "finished"])
def test_detach_leaves_network_optimizer_and_scaler_as_they_were(where: str) -> None:
    model = network()
    model.layer1[0].register_forward_hook(lambda *_: None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    optimizer.zero_grad()
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.ones(()))  # it makes its state at the first call

    def everything() -> Any:
        model.zero_grad()
        return state_of(model), state_of(optimizer), state_of(scaler)

    def step() -> None:
        scaler.scale(mean_loss(model(*images().args))).backward()
        scaler.step(optimizer)
        scaler.update()

    step()
    before = everything()
    probe = resnet_probe.attach(model, optimizer, scaler=scaler, every=1, strict=True)
    if where != "unused":
        step()
        step()
    loss = mean_loss(model(*images().args)) if where == "in a step" else None
    if where == "finished":
        probe.finish()
    else:
        probe.detach()
    if loss is not None:
        loss.backward()
    after = everything()
    # Numbers that training itself counts up.
    plain = [(repr(old), repr(new)) for old, new in zip(before, after, strict=True)]
    assert plain[0][0] == plain[0][1]
    assert plain[1][0] == plain[1][1] or where != "unused"
    assert not foreign_hooks(model)
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    assert "step" not in vars(scaler)
    step()


def test_attaching_again_ends_the_run_before_and_records_a_new_one(spool: pathlib.Path) -> None:
    model = network()
    optimizer = sgd(model.parameters())
    first = resnet_probe.attach(model, optimizer, every=1, run="first", strict=True)
    train_step(model, optimizer, images())
    second = resnet_probe.attach(model, optimizer, every=1, run="second", strict=True)
    assert not first.is_recording
    rows = expected(model, mean_loss, [images()], optimizer=sgd)
    train_step(model, optimizer, images())
    first.log(loss=1.0)
    first.step()
    first.finish()
    second.finish()
    found = frames_by_run(spool)
    assert {name: len(frames) for name, frames in found.items()} == {"first": 1, "second": 1}
    check(found["second"][0], rows, relative=1e-9, without=WITHOUT)
    for segment in spool.glob("*.rpj"):
        kinds = [record.kind for record in records(segment.read_bytes())]
        assert kinds[-2:] == [FRAME, ATTEMPT_FINISHED]
    assert not foreign_hooks(model)


@pytest.mark.usefixtures("spool")
def test_a_probe_does_not_keep_its_network_alive() -> None:
    import gc
    import weakref

    model = GPT(50, 16, 1, 2, 16, 0.0)
    optimizer = sgd(model.parameters())
    resnet_probe.attach(model, optimizer, every=1, strict=True)
    train_step(model, optimizer, Example((torch.randint(0, 50, (2, 4)),)))
    reference = weakref.ref(model)
    del model, optimizer
    gc.collect()
    assert reference() is None
