"""What an examination puts back, of networks and of what a loss reaches, and what it says of it."""

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.examining.reached import modules_reached
from torch import Tensor, nn

from networks.cifar_resnet import CifarResNet


class Block(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Net(nn.Module):
    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.stem = nn.Linear(6, 8)
        self.blocks = nn.ModuleList(Block(make()) for _ in range(2))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Inner(nn.Module):
    """A branch with a batch norm, and something else that its eval forward does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.register_buffer("first", torch.zeros(1, 8))
        self.register_buffer("empty", None)
        self.norm = nn.BatchNorm1d(8)
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            self.changes(x.detach())
        return self.norm(self.layer(x)) * self.scale

    def changes(self, x: Tensor) -> None:
        """What it should not do."""


class Grows(Inner):
    """A memory bank, as long as has been seen."""

    def changes(self, x: Tensor) -> None:
        self.first.data = torch.stack([*self.first, *x])  # type: ignore[has-type]


class Joins(Inner):
    """The same by a concatenation, which is another join in each pass."""

    def changes(self, x: Tensor) -> None:
        self.first.data = torch.cat([self.first, x])  # type: ignore[has-type]


class Casts(Inner):
    def changes(self, x: Tensor) -> None:
        self.first.data = self.first.double() + 1  # type: ignore[has-type]


class Resizes(Inner):
    def changes(self, x: Tensor) -> None:
        self.first.resize_(40, 8).fill_(1.0)  # type: ignore[has-type]


class Fills(Inner):
    """Caches of its first forward, one of them registered only then."""

    def changes(self, x: Tensor) -> None:
        if self.empty is None:
            self.empty = x.mean(0)
        if "late" not in self._buffers:
            self.register_buffer("late", x.mean(0), persistent=False)


class Forgets(Inner):
    """Another buffer is the first then, and one is persistent no more."""

    def changes(self, x: Tensor) -> None:
        self._buffers["first"] = self._buffers.pop("first") + 1  # type: ignore[operator]
        self._non_persistent_buffers_set.add("first")


class Normalises(Inner):
    """ActNorm: what data come first set its parameter."""

    def changes(self, x: Tensor) -> None:
        if not hasattr(self, "is_set"):
            self.scale.data.copy_(x.std(0))
            self.is_set = True


class Replaces(Inner):
    def changes(self, x: Tensor) -> None:
        self.scale = nn.Parameter(self.scale.detach() * 0.5 + 0.5)


def content(model: nn.Module) -> list[Any]:
    found: list[Any] = [copy.deepcopy(dict(model.state_dict())), list(model.state_dict())]
    for module in model.modules():
        for own in (module._parameters, module._buffers):
            found += [
                (key, id(one), None if one is None else one.shape) for key, one in own.items()
            ]
        found += [module.training, set(module._non_persistent_buffers_set)]
    return found


def batches(samples: int = 4) -> list[tuple[Tensor, Tensor]]:
    own = torch.Generator().manual_seed(samples)
    return [
        (torch.randn(samples, 6, generator=own), torch.randint(0, 3, (samples,), generator=own))
        for _ in range(2)
    ]


def begun(model: nn.Module, **options: Any) -> resnet_probe.Probe:
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model.train(), optimizer, **options)
    x, y = batches()[0]
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    return probe


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    lines = capfd.readouterr().err.splitlines()
    return [line for line in lines if ": recording '" not in line]


def same(one: list[Any], other: list[Any]) -> bool:
    (states, *rest), (others, *more) = one, other
    return rest == more and all(torch.equal(states[key], others[key]) for key in states)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("make", [Inner, Grows, Casts, Resizes, Fills, Forgets])
def test_a_buffer_is_put_back_whatever_it_became(make: Callable[[], nn.Module]) -> None:
    model = Net(make)
    probe = begun(model, strict=True)
    before = content(model)
    assert probe.examine(model, batches(), F.cross_entropy, progress=False, curve=False) is not None
    assert same(content(model), before)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_buffers_that_cannot_be_measured_with_are_put_back_too(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = Net(Joins)
    probe = begun(model)
    before = content(model)
    assert probe.examine(model, batches(), F.cross_entropy, progress=False, curve=False) is None
    (line,) = said(capfd)
    assert line == (
        "resnet-probe: cannot examine Net: in eval mode its passes do not all run the same"
        " operations; make its eval mode deterministic"
    )
    assert same(content(model), before)
    probe.finish()


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("make", [Normalises, Replaces])
def test_a_parameter_that_the_eval_forward_wrote_is_said_and_put_back(
    make: Callable[[], nn.Module], capfd: pytest.CaptureFixture[str]
) -> None:
    model = Net(make)
    probe = begun(model)
    before = content(model)
    probe.examine(model, batches(), F.cross_entropy, progress=False, curve=False)
    assert same(content(model), before)
    lines = said(capfd)
    if make is Normalises:
        (line,) = lines
        assert line == (
            "resnet-probe: examine: its forward in eval mode wrote 2 parameters"
            " (blocks.0.inner.scale, blocks.1.inner.scale): what they were is put back, and the"
            " numbers are those of what was written"
        )
    probe.finish()


head = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))


def with_global(output: Tensor, target: Tensor) -> Tensor:
    return helper(output, target)


def helper(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(head(output), target)


def with_part(part: nn.Module, output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(part(output), target)


class Holder:
    def __init__(self, part: nn.Module) -> None:
        self.parts = [part]
        self.another = part

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(self.parts[0](output), target)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return self.loss(output, target)


class Plain(nn.Module):
    """A loss that holds a module where torch does not see it."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.parts = [part]

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(self.parts[0](output), target)


def as_closure(part: nn.Module) -> Any:
    return lambda output, target: F.cross_entropy(part(output), target)


def as_default(part: nn.Module) -> Any:
    def loss(output: Tensor, target: Tensor, own: Any = part) -> Tensor:
        return F.cross_entropy(own(output), target)

    return loss


def as_attribute(part: nn.Module) -> Any:
    trainer = types.SimpleNamespace(head=part)
    return lambda output, target: F.cross_entropy(trainer.head(output), target)


def as_mapping(part: nn.Module) -> Any:
    parts = {"head": part}
    return lambda output, target: F.cross_entropy(parts["head"](output), target)


WAYS: dict[str, Callable[[nn.Module], Any]] = {
    "closure": as_closure,
    "default": as_default,
    "attribute": as_attribute,
    "mapping": as_mapping,
    "partial": lambda part: functools.partial(with_part, part),
    "method": lambda part: Holder(part).loss,
    "object": Holder,
    "module": Plain,
    "global": lambda _: with_global,
}


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("way", WAYS)
def test_modules_that_a_loss_reaches_are_in_eval_mode_and_put_back(way: str) -> None:
    part = head.train()
    model = Net(lambda: nn.Linear(8, 8))
    probe = begun(model, strict=True)
    loss = WAYS[way](part)
    before = content(part)
    found = probe.examine(model, batches(), loss, progress=False, curve=False)
    assert same(content(part), before)
    assert found is not None
    part.eval()
    model.eval()
    with torch.no_grad():
        rows = [F.cross_entropy(part(model(x)), y, reduction="none") for x, y in batches()]
    part.train()
    assert found.base_loss == pytest.approx(float(torch.cat(rows).mean()), rel=1e-5)
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_modules_that_forward_and_error_fn_reach_are_kept_too() -> None:
    part = nn.BatchNorm1d(3).train()
    other = nn.BatchNorm1d(3).train()
    model = Net(lambda: nn.Linear(8, 8))
    probe = begun(model, strict=True)
    before = content(part), content(other)
    found = probe.examine(
        model, batches(), F.cross_entropy, progress=False,
        forward=lambda network, batch: part(network(batch[0])),
        error_fn=lambda output, target: (other(output).argmax(1) != target).float(), curve=False)  # fmt: skip
    assert found is not None
    assert same(content(part), before[0])
    assert same(content(other), before[1])
    probe.finish()


def test_what_a_function_does_not_reach_is_left_alone() -> None:
    part = nn.Linear(2, 2)
    holder = types.SimpleNamespace(used=part, unused=nn.Linear(2, 2))
    holder.itself = holder
    assert modules_reached(lambda x: holder.itself.used(x), None, F.cross_entropy) == [part]
    whole = nn.Sequential(part)
    assert modules_reached(lambda x: (part(x), whole(x))) == [whole]
    assert modules_reached(torch.nn.functional.relu, print, [].append, int) == []


@pytest.mark.usefixtures("spool")
def test_an_examination_within_another_ones_loss_ends() -> None:
    torch.compile(nn.Identity(), backend="eager")(torch.zeros(1))  # the compiler is there
    model = Net(lambda: nn.Linear(8, 8))
    probe = begun(model, strict=True)
    inner = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        if not inner:
            inner.append(
                probe.examine(model, batches(), F.cross_entropy, progress=False, curve=False)
            )
        return F.cross_entropy(output, target, reduction="none")

    found = probe.examine(model, batches(), loss, progress=False, curve=False)
    assert found is not None
    assert inner[0] is not None
    assert [one.loss_change for one in found] == [one.loss_change for one in inner[0]]
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_it_runs_within_inference_mode() -> None:
    model = CifarResNet(8, "A", 4).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, strict=True)
    with torch.inference_mode():
        data = [(torch.randn(4, 3, 8, 8), torch.randint(0, 10, (4,)))]
        found = probe.examine(model, data, F.cross_entropy, progress=False, curve=False)
    assert found is not None
    assert len(found) == 3
    F.cross_entropy(model(torch.randn(4, 3, 8, 8)), torch.randint(0, 10, (4,))).backward()
    probe.finish()
