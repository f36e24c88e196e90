"""Stochastic depth in every spelling: F is what was there before the mask, survivors only."""

import pathlib
from collections.abc import Callable

import pytest
import resnet_probe
import torch
from torch import Tensor, nn

from frames import RecordedFrame, frames_in

KEEP = 0.6


def draw(x: Tensor) -> Tensor:
    return x.new_empty(len(x), 1).bernoulli_(KEEP)


#: A branch and what stands for its drop mask; the first is the form that the others are held to.
FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "mask": lambda f: f * draw(f),
    "divided mask": lambda f: f * draw(f).div_(KEEP),
    "divided branch": lambda f: f.div(KEEP) * draw(f),
    "divided product": lambda f: f * draw(f) / KEEP,
    "mask first": lambda f: draw(f) * f,
    "in place": lambda f: f.mul_(draw(f)),
}
SPELLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "bernoulli_": lambda f: f * draw(f),
    "comparison": lambda f: f * (torch.rand(len(f), 1) < KEEP).float(),
    "comparison the other way": lambda f: f * (torch.rand(len(f), 1) >= 1 - KEEP),
    "floor": lambda f: f * (KEEP + torch.rand(len(f), 1)).floor_(),
    "dropout of ones": lambda f: f * nn.functional.dropout(torch.ones(len(f), 1), 1 - KEEP),
}


class Block(nn.Module):
    """One residual block whose branch is masked in a given way."""

    def __init__(self, form: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 8)
        self.f = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8))
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return x + self.form(self.f(x))


def recorded(form: Callable[[Tensor], Tensor], spool: pathlib.Path) -> list[RecordedFrame]:
    """Two steps without an update: one that finds the block, one that knows it."""
    torch.manual_seed(0)
    model = Block(form)
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    before = set(spool.glob("*.rpj")) if spool.exists() else set()
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(2):
            optimizer.zero_grad()
            torch.manual_seed(1)
            output = model(torch.linspace(-1, 2, 64 * 8).reshape(64, 8))
            (output * torch.linspace(1, 3, 8)).sum().backward()
            optimizer.step()
    for path in before:
        path.unlink()
    return frames_in(spool)


@pytest.mark.parametrize("name", list(FORMS)[1:])
def test_the_branch_is_the_same_however_the_mask_is_written(name: str, spool: pathlib.Path) -> None:
    wanted = recorded(FORMS["mask"], spool)
    for found, plain in zip(recorded(FORMS[name], spool), wanted, strict=True):
        assert (found[0].samples, found[0].dropped) == (64, plain[0].dropped)
        assert 10 < plain[0].dropped < 40
        for statistic in ("identity_gap", "residual_ratio"):
            ours, theirs = getattr(found[0], statistic), getattr(plain[0], statistic)
            assert ours.n == theirs.n
            assert ours.p50 == pytest.approx(theirs.p50, rel=1e-6)
            assert ours.max == pytest.approx(theirs.max, rel=1e-6)
        branch, other = found[0].branch_rms, plain[0].branch_rms
        assert branch is not None
        assert other is not None
        assert branch.value == pytest.approx(other.value, rel=1e-6)
        taylor, reference = found[0].taylor_importance, plain[0].taylor_importance
        assert taylor is not None
        assert reference is not None
        assert taylor.mean == pytest.approx(reference.mean, rel=1e-5)
        assert reference.mean > 1


@pytest.mark.parametrize("name", list(SPELLINGS))
def test_the_probability_is_read_from_what_makes_the_mask(name: str) -> None:
    (block,) = resnet_probe.find_blocks(Block(SPELLINGS[name]), torch.ones(4, 8))
    assert block.drop_probability == pytest.approx(1 - KEEP)


def test_a_constant_scale_is_no_part_of_a_mask(spool: pathlib.Path) -> None:
    whole = recorded(lambda f: f * draw(f), spool)[1][0].identity_gap
    scaled = recorded(lambda f: 0.25 * f * draw(f), spool)[1][0].identity_gap
    assert whole is not None
    assert scaled is not None
    assert whole.p50 is not None
    assert scaled.p50 == pytest.approx(whole.p50 / 4, rel=1e-6)
