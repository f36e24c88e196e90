"""Optimizers and scalers tell where updates begin, end and are skipped, and are given back."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from resnet_probe.training.steps import UpdateWatch, first_step, learning_rate
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

INF = float("inf")


class Diary:
    """Writes down every event; `gradients` are copies at the beginning of each update."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.begins: list[dict[str, Any]] = []
        self.gradients: list[Tensor | None] = []
        self.errors: list[Exception] = []

    def update_begins(self, optimizer: Optimizer, **told: Any) -> None:
        gradient = optimizer.param_groups[0]["params"][0].grad
        self.gradients.append(None if gradient is None else gradient.clone())
        self.events.append("begins")
        self.begins.append({"optimizer": optimizer, **told})

    def update_ends(self, optimizer: Optimizer) -> None:
        self.events.append("ends")
        assert optimizer is self.begins[-1]["optimizer"]

    def update_skipped(self, optimizer: Optimizer, *, scale: Tensor | None) -> None:
        self.events.append(("skipped", None if scale is None else float(scale)))
        assert isinstance(optimizer, Optimizer)

    def guard(self, function: Callable[..., object], *args: object) -> object:
        try:
            function(*args)
        except Exception as error:
            self.errors.append(error)
        return "an answer that training must not see"


def watch(optimizers: Any, scaler: Any = None) -> tuple[Diary, UpdateWatch]:
    diary = Diary()
    every = optimizers if isinstance(optimizers, list) else [optimizers]
    return diary, UpdateWatch(every, scaler, diary, diary.guard)


def weight() -> nn.Parameter:
    return nn.Parameter(torch.tensor([1.0, 2.0]))


def backward(parameter: Tensor, scaler: Any = None, factor: float = 1.0) -> None:
    """The gradient is `factor` times (1, 1), times the scale."""
    parameter.grad = None
    loss = parameter.sum() * factor
    (loss if scaler is None else scaler.scale(loss)).backward()


def scaler_of(scale: float = 8.0, **keywords: Any) -> torch.amp.GradScaler:
    return torch.amp.GradScaler("cpu", init_scale=scale, **keywords)


def test_a_step_begins_with_its_gradients_and_ends() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    diary, _ = watch(optimizer)
    backward(parameter)
    optimizer.step()
    assert diary.events == ["begins", "ends"]
    assert diary.begins == [
        {
            "optimizer": optimizer,
            "scale": None,
            "gradient_scale": None,
            "found_inf": None,
            "closure": False,
        }
    ]
    assert torch.equal(diary.gradients[0], torch.ones(2))
    assert torch.equal(parameter, torch.tensor([0.5, 1.5]))
    assert diary.errors == []


def test_learning_rate_schedulers_made_before_and_after_do_not_matter() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=1.0)
    before = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    diary, watched = watch(optimizer)
    after = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1.0, 3)
    for _ in range(2):
        backward(parameter)
        optimizer.step()
        before.step()
        after.step()
    assert diary.events == ["begins", "ends"] * 2
    watched.detach()
    optimizer.step()
    before.step()
    assert diary.events == ["begins", "ends"] * 2


def test_several_optimizers_each_say_their_own() -> None:
    first, second = weight(), weight()
    optimizers: list[Optimizer] = [SGD([first], lr=0.1), Adam([second], lr=0.1)]
    diary, _ = watch([*optimizers, optimizers[0]])
    for optimizer in optimizers:
        optimizer.step()
    assert diary.events == ["begins", "ends", "begins", "ends"]
    assert [told["optimizer"] for told in diary.begins] == optimizers


@pytest.mark.parametrize("by_keyword", [False, True])
def test_a_closure_is_told_and_runs_inside_the_update(by_keyword: bool) -> None:
    parameter = weight()
    optimizer = torch.optim.LBFGS([parameter], max_iter=3)
    diary, _ = watch(optimizer)

    def closure() -> Tensor:
        diary.events.append("closure")
        optimizer.zero_grad()
        loss = (parameter**2).sum()
        loss.backward()
        return loss

    if by_keyword:
        optimizer.step(closure=closure)
    else:
        optimizer.step(closure)
    assert diary.events[:2] == ["begins", "closure"]
    assert diary.events[-1] == "ends"
    assert diary.events.count("begins") == 1
    assert diary.begins[0]["closure"] is True
    assert diary.gradients == [None]


def test_a_step_that_raises_does_not_end_and_the_next_one_begins() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.1)
    diary, _ = watch(optimizer)

    def closure() -> Tensor:
        raise ArithmeticError("in the closure")

    with pytest.raises(ArithmeticError):
        optimizer.step(closure)
    optimizer.step()
    assert diary.events == ["begins", "begins", "ends"]


def test_a_subclass_whose_step_calls_its_parents_steps_once() -> None:
    class Twofold(SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    SGD([weight()], lr=0.1)  # gives SGD.step its hooks; Twofold.step has its own
    optimizer = Twofold([weight()], lr=0.1)
    diary, _ = watch(optimizer)
    optimizer.step()
    optimizer.step()
    assert diary.events == ["begins", "ends"] * 2


def test_an_observer_that_raises_never_reaches_training() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of()
    diary = Diary()
    broken = SimpleNamespace()  # has none of the methods
    UpdateWatch([optimizer], scaler, broken, diary.guard)
    backward(parameter, scaler)
    scaler.step(optimizer)
    scaler.update()
    backward(parameter, scaler, INF)
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(parameter, torch.tensor([0.5, 1.5]))
    assert [type(error) for error in diary.errors] == [AttributeError] * 3


def test_a_skipped_step_is_told_with_its_scale_and_training_goes_on() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of(8.0, backoff_factor=0.25)
    diary, _ = watch(optimizer, scaler)
    for factor in (INF, 1.0):
        backward(parameter, scaler, factor)
        scaler.step(optimizer)
        scaler.update()
    assert diary.events == [("skipped", 8.0), "begins", "ends"]
    assert float(diary.begins[0]["scale"]) == 2.0
    assert diary.begins[0]["gradient_scale"] is None
    assert torch.equal(diary.gradients[0], torch.ones(2))
    assert torch.equal(parameter, torch.tensor([0.5, 1.5]))


def test_the_scale_stays_that_of_the_step_when_the_scaler_grows_its_own() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of(8.0, growth_interval=1)
    diary, _ = watch(optimizer, scaler)
    for _ in range(3):
        backward(parameter, scaler)
        scaler.step(optimizer)
        scaler.update()
    assert [float(told["scale"]) for told in diary.begins] == [8.0, 16.0, 32.0]


def test_gradients_are_seen_unscaled_and_clipped() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of()
    diary, _ = watch(optimizer, scaler)
    backward(parameter, scaler, 100.0)
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_([parameter], 1.0)
    scaler.step(optimizer)
    assert float(diary.gradients[0].norm()) == pytest.approx(1.0, rel=1e-5)
    assert float(diary.begins[0]["scale"]) == 8.0


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("unscaled", [False, True])
def test_a_fused_step_says_what_its_gradients_are_still_multiplied_by(
    kind: type[Optimizer], unscaled: bool
) -> None:
    parameter = weight()
    optimizer = kind([parameter], lr=0.5, fused=True)  # type: ignore[call-arg]
    scaler = scaler_of(8.0, growth_interval=1)
    diary, _ = watch(optimizer, scaler)
    for factor in (1.0, INF):
        backward(parameter, scaler, factor)
        if unscaled:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    assert diary.events == ["begins", "ends"] * 2  # the device alone knows of the second's fate
    assert [float(told["scale"]) for told in diary.begins] == [8.0, 16.0]
    assert [float(told["found_inf"]) for told in diary.begins] == [0.0, 1.0]
    if unscaled:
        assert [told["gradient_scale"] for told in diary.begins] == [None, None]
        assert torch.equal(diary.gradients[0], torch.ones(2))
    else:
        assert [float(told["gradient_scale"]) for told in diary.begins] == [8.0, 16.0]
        assert torch.equal(diary.gradients[0], torch.full((2,), 8.0))


def test_a_fused_step_tells_its_scale_though_no_scaler_was_given() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5, fused=True)
    scaler = scaler_of()
    diary, _ = watch(optimizer)
    backward(parameter, scaler)
    scaler.step(optimizer)
    assert float(diary.begins[0]["scale"]) == 8.0
    assert float(diary.begins[0]["gradient_scale"]) == 8.0


def test_a_disabled_scaler_has_no_scale() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of(enabled=False)
    diary, watched = watch(optimizer, scaler)
    backward(parameter, scaler)
    scaler.step(optimizer)
    scaler.update()
    assert diary.events == ["begins", "ends"]
    assert diary.begins[0]["scale"] is None
    watched.detach()
    assert "step" not in vars(scaler)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:torch.cuda.amp.GradScaler is enabled")
def test_the_older_scaler_of_cuda_is_watched_too() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = torch.cuda.amp.GradScaler(enabled=torch.cuda.is_available())
    diary, watched = watch(optimizer, scaler)
    backward(parameter, scaler)
    scaler.step(optimizer)
    assert diary.events == ["begins", "ends"]
    watched.detach()
    assert "step" not in vars(scaler)


def test_an_optimizer_stepped_past_the_scaler_has_no_scale_unless_it_was_unscaled() -> None:
    parameter, other = weight(), weight()
    optimizer, past = SGD([parameter], lr=0.5), SGD([other], lr=0.5)
    scaler = scaler_of()
    diary, _ = watch([optimizer, past], scaler)
    backward(parameter, scaler)
    scaler.step(optimizer)
    past.step()
    scaler.update()
    backward(other, scaler)
    scaler.unscale_(past)
    past.step()
    assert [told["scale"] and float(told["scale"]) for told in diary.begins] == [8.0, None, 8.0]


def test_one_of_two_optimizers_skipped_and_a_stranger_stepped() -> None:
    first, second, third = weight(), weight(), weight()
    optimizers = [SGD([p], lr=0.5) for p in (first, second, third)]
    scaler = scaler_of()
    diary, _ = watch(optimizers[:2], scaler)
    backward(first, scaler)
    backward(second, scaler, INF)
    backward(third, scaler, INF)
    for optimizer in optimizers:
        scaler.step(optimizer)
    assert diary.events == ["begins", "ends", ("skipped", 8.0)]


def test_an_exception_of_the_scaler_is_no_skipped_step() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of()
    diary, _ = watch(optimizer, scaler)
    with pytest.raises(AssertionError, match="_scale is None"):
        scaler.step(optimizer)
    backward(parameter, scaler)
    assert scaler.step(optimizer=optimizer) is None
    assert diary.events == ["begins", "ends"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_watches_are_detached_in_any_order(order: tuple[int, int]) -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of()
    torch.optim.lr_scheduler.StepLR(optimizer, 1)

    def skip() -> None:
        backward(parameter, scaler, INF)
        scaler.step(optimizer)
        scaler._per_optimizer_states.clear()

    skip()
    optimizer.step()
    before = [dict(vars(holder)) for holder in (optimizer, scaler)]
    assert optimizer._optimizer_step_pre_hooks == optimizer._optimizer_step_post_hooks == {}
    watches = [watch(optimizer, scaler) for _ in range(2)]
    skip()
    watches[order[0]][1].detach()
    watches[order[0]][1].detach()
    skip()
    optimizer.step()
    watches[order[1]][1].detach()
    skip()
    optimizer.step()
    assert len(watches[order[0]][0].events) == 1
    assert watches[order[1]][0].events[1:] == [("skipped", 8.0), "begins", "ends"]
    assert [dict(vars(holder)) for holder in (optimizer, scaler)] == before
    assert optimizer._optimizer_step_pre_hooks == optimizer._optimizer_step_post_hooks == {}


def test_a_strangers_wrapper_below_is_given_back_and_one_above_goes_on() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of()
    plain = scaler.step
    scaler.step = below = lambda *args: plain(*args)  # type: ignore[method-assign]
    diary, watched = watch(optimizer, scaler)
    watched.detach()
    assert scaler.step is below
    diary, watched = watch(optimizer, scaler)
    ours = scaler.step
    scaler.step = above = lambda *args: ours(*args)  # type: ignore[method-assign]
    backward(parameter, scaler)
    scaler.step(optimizer)
    watched.detach()
    assert scaler.step is above
    scaler.update()
    backward(parameter, scaler)
    scaler.step(optimizer)
    assert diary.events == ["begins", "ends"]
    assert torch.equal(parameter, torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_optimizer_and_scaler_work_and_are_not_watched(
    copied: Callable[[Any], Any],
) -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5, momentum=0.5)
    scaler = scaler_of()
    diary, _ = watch(optimizer, scaler)
    watch(optimizer, scaler)
    twin, scaler_twin = copied((optimizer, scaler))
    own = twin.param_groups[0]["params"][0]
    backward(own, scaler_twin)
    scaler_twin.step(twin)
    scaler_twin.update()
    assert diary.events == []
    assert torch.equal(own, torch.tensor([0.5, 1.5]))
    assert torch.equal(parameter, torch.tensor([1.0, 2.0]))
    backward(parameter, scaler)
    scaler.step(optimizer)
    assert diary.events == ["begins", "ends"]


def test_a_stored_scaler_loads_and_steps_without_this_package(tmp_path: Path) -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    scaler = scaler_of()
    _, watched = watch(optimizer, scaler)
    path = tmp_path / "state.pt"
    torch.save({"optimizer": optimizer, "scaler": scaler}, path)
    script = """
import sys
sys.modules["resnet_probe"] = None
import torch
state = torch.load(sys.argv[1], weights_only=False)
optimizer, scaler = state["optimizer"], state["scaler"]
parameter = optimizer.param_groups[0]["params"][0]
scaler.scale(parameter.sum()).backward()
scaler.step(optimizer)
print(parameter.tolist())
"""
    command = [sys.executable, "-c", script, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[0.5, 1.5]"
    watched.detach()


def test_states_saved_while_watched_are_those_without() -> None:
    parameter = weight()
    optimizer = Adam([parameter], lr=0.5)
    scaler = scaler_of()
    backward(parameter, scaler)
    scaler.step(optimizer)
    scaler.update()

    def stored() -> bytes:
        file = io.BytesIO()
        torch.save([optimizer.state_dict(), scaler.state_dict()], file)
        return file.getvalue()

    bare = stored()
    diary, _ = watch(optimizer, scaler)
    assert stored() == bare
    optimizer.load_state_dict(optimizer.state_dict())
    scaler.load_state_dict(scaler.state_dict())
    optimizer.step()
    assert diary.events == ["begins", "ends"]


def test_a_wrapper_without_hooks_is_watched_at_the_optimizer_inside() -> None:
    class Wrapper(Optimizer):
        def __init__(self, optimizer: Optimizer) -> None:  # as Accelerate's, without super()
            self.optimizer = optimizer

        def step(self) -> None:  # type: ignore[override]
            self.optimizer.step()

    within = Adam([weight()], lr=0.5)
    wrapper = Wrapper(within)
    diary, _ = watch(wrapper)
    wrapper.step()
    assert diary.events == ["begins", "ends"]
    assert diary.begins[0]["optimizer"] is within


def test_what_cannot_be_watched_is_refused_and_nothing_stays_behind() -> None:
    diary, optimizer, scaler = Diary(), SGD([weight()], lr=0.5), scaler_of()
    wrong: Any = SimpleNamespace(step=lambda: None)
    with pytest.raises(TypeError, match="SimpleNamespace is no torch optimizer and has none"):
        UpdateWatch([optimizer, wrong], scaler, diary, diary.guard)
    with pytest.raises(TypeError, match="object is no gradient scaler: it has no `step`"):
        UpdateWatch([optimizer], object(), diary, diary.guard)
    assert "step" not in vars(scaler)
    assert optimizer._optimizer_step_pre_hooks == optimizer._optimizer_step_post_hooks == {}


def test_a_compiled_step_is_not_broken() -> None:
    parameter = weight()
    optimizer = SGD([parameter], lr=0.5)
    diary, _ = watch(optimizer)
    backward(parameter)
    torch._dynamo.reset()
    torch.compile(optimizer.step, backend="eager", fullgraph=False)()
    assert torch.equal(parameter, torch.tensor([0.5, 1.5]))
    assert diary.errors == []


def test_timms_lookahead_and_scaler_are_watched() -> None:
    optim = pytest.importorskip("timm.optim")
    utils = pytest.importorskip("timm.utils")
    parameter = weight()
    optimizer = optim.Lookahead(SGD([parameter], lr=0.5), k=1)
    scaler = utils.NativeScaler("cpu")
    diary, watched = watch(optimizer, scaler)
    scaler(parameter.sum(), optimizer)
    assert diary.events == ["begins", "ends"]
    assert float(diary.begins[0]["scale"]) == 65_536.0
    assert diary.errors == []
    watched.detach()


def test_the_first_step_is_the_optimizers_own_count() -> None:
    parameters = [weight(), weight()]
    adam, sgd = Adam(parameters, lr=0.1), SGD(parameters, lr=0.1)
    assert first_step([adam, sgd]) is None
    for parameter in parameters:
        backward(parameter)
    for _ in range(3):
        adam.step()
    sgd.step()
    assert first_step([sgd]) is None
    assert first_step([sgd, adam]) == 3
    resumed = Adam(parameters, lr=0.1)
    resumed.load_state_dict(adam.state_dict())
    assert first_step([resumed]) == 3
    resumed.state[parameters[0]]["step"] = 7
    assert first_step([resumed]) == 7


def test_the_learning_rate_is_the_first_groups_as_it_is_now() -> None:
    parameter = weight()
    groups = [{"params": [parameter], "lr": 0.25}, {"params": [weight()]}]
    optimizer = SGD(groups, lr=0.5)
    assert learning_rate([optimizer]) == 0.25
    optimizer.param_groups[0]["lr"] = torch.tensor(0.125)
    assert learning_rate([optimizer]) == 0.125
    assert learning_rate([]) is None
