"""Through compiled networks the statistics are those of eager mode, and no graph is broken."""

import pathlib

import pytest
import torch

from compiled_runs import breaks, differences, frames_of, graphs, whole
from networks.catalogue import entry
from networks.entry import Example
from recorded import doubled

#: Rows of the catalogue, and what of eager mode's statistics may be absent: the gradient at a stream
#: is taken only where the branch is seen to come from it through its own parameters alone.
NETWORKS: dict[str, frozenset[str]] = {
    "ResNet-20": frozenset(),
    "pre-activation ResNet-29": frozenset(),
    "plain-20": frozenset(),
    "DenseNet-BC-22-4": frozenset(),
    "stochastic depth row": frozenset(),
    "stochastic depth batch": frozenset(),
    "GPT": frozenset(),
    "BERT post-norm": frozenset(),
    "in-place adds": frozenset(),
    "constant scale": frozenset(),
    "ReZero": frozenset(),
    "LayerScale": frozenset(),
    "functional end": frozenset(),
    "tuples": frozenset(),
    "block twice": frozenset(),
    "branches in a loop": frozenset(),
    "inner residual": frozenset(),
    "squeeze-excitation": frozenset(),
    "weight norm": frozenset(),
    "custom function": frozenset(),
    "shake-shake": frozenset(),
    "torch encoder, pre-norm": frozenset(),
    "python sum": frozenset({"branch_gain"}),
    "conditioned": frozenset({"branch_gain"}),
    "cross-attention": frozenset({"branch_gain"}),
}

#: Those that go through the compiler's own trace of the backward pass too.
THROUGH_AUTOGRAD = ("ResNet-20", "stochastic depth row", "GPT", "DenseNet-BC-22-4", "in-place adds")


def batches(name: str, steps: int = 2) -> list[Example]:
    found = []
    for step in range(steps):
        torch.manual_seed(step)
        found.append(doubled(entry(name).example()))
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_a_traced_network_has_the_numbers_of_eager_mode(name: str, spool: pathlib.Path) -> None:
    def make() -> torch.nn.Module:
        return entry(name).make().double()

    given = batches(name)
    wanted, eager = frames_of(make, given, lambda model: model, spool)
    losses, compiled = frames_of(make, given, whole("eager"), spool)
    assert breaks() == {}
    assert graphs() == 1
    assert losses == wanted
    assert not differences(eager, compiled, 1e-9, absent=NETWORKS[name])


@pytest.mark.parametrize("name", THROUGH_AUTOGRAD)
def test_a_compiled_backward_pass_has_them_too(name: str, spool: pathlib.Path) -> None:
    def make() -> torch.nn.Module:
        return entry(name).make().double()

    given = batches(name)
    wanted, eager = frames_of(make, given, lambda model: model, spool)
    losses, compiled = frames_of(make, given, whole("aot_eager"), spool)
    assert breaks() == {}
    assert losses == pytest.approx(wanted, rel=1e-12)
    assert not differences(eager, compiled, 1e-9)


def test_code_of_inductor_has_them_too(spool: pathlib.Path) -> None:
    def make() -> torch.nn.Module:
        return entry("GPT").make().double()

    given = batches("GPT")
    wanted, eager = frames_of(make, given, lambda model: model, spool)
    losses, compiled = frames_of(make, given, whole("inductor"), spool)
    assert breaks() == {}
    assert losses == pytest.approx(wanted, rel=1e-12)
    assert not differences(eager, compiled, 1e-9)
