"""How alike blocks are, against plain loops in float64 over streams of forwards written by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.examining.examination import Examination
from resnet_probe.examining.similarities import Similarities
from torch import Tensor, nn

from networks.cifar_resnet import CifarResNet
from networks.densenet import DenseNet
from networks.gpt import GPT
from networks.plain import CifarPlainNet, plain_flat
from networks.preactivation import PreActBlock, PreActResNet
from similarity_reference import array, cka, geometric_mean, span

Parts = list[tuple[Tensor, Tensor, Tensor]]
"""Of each block x, F and y."""


@dataclass(frozen=True)
class Case:
    make: Callable[[], nn.Module]
    parts: Callable[[Any, Tensor], Parts]
    batch: Callable[[int], tuple[Tensor, Tensor]]
    stages: list[list[int]]
    """Ordinals of blocks that may be in spans together."""
    loss: Any = F.cross_entropy
    is_token: bool = False


def images(samples: int) -> tuple[Tensor, Tensor]:
    return torch.randn(samples, 3, 8, 8), torch.randint(0, 5, (samples,))


def tokens(samples: int) -> tuple[Tensor, Tensor]:
    return torch.randint(0, 11, (samples, 7)), torch.randint(0, 11, (samples, 7))


def token_loss(output: Any, target: Tensor) -> Tensor:
    logits = output[0] if isinstance(output, tuple) else output
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


def post_activation(net: Any, x: Tensor) -> Parts:
    found = []
    x = F.relu(net.bn1(net.conv1(x)))
    for one in [*net.layer1, *net.layer2, *net.layer3]:
        branch = one.bn2(one.conv2(F.relu(one.bn1(one.conv1(x)))))
        y = F.relu(one.shortcut(x) + branch)
        found.append((x, branch, y))
        x = y
    return found


def pre_activation(net: Any, x: Tensor) -> Parts:
    found = []
    x = net.conv1(x)
    for one in [layer for stage in net.layers for layer in stage]:
        out = F.relu(one.bn1(x))
        branch = one.conv2(F.relu(one.bn2(one.conv1(out))))
        y = branch + (one.shortcut(out) if hasattr(one, "shortcut") else x)
        found.append((x, branch, y))
        x = y
    return found


def gpt(net: Any, idx: Tensor) -> Parts:
    found = []
    parts = net.transformer
    x = parts["wte"](idx) + parts["wpe"](torch.arange(idx.shape[1]))
    for one in parts["h"]:
        for norm, branch in ((one.ln_1, one.attn), (one.ln_2, one.mlp)):
            new = branch(norm(x))
            found.append((x, new, x + new))
            x = x + new
    return found


class PostNorm(nn.Module):
    """Two post-norm blocks: what the second reads is not what the first returns."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(2))
        self.head = nn.Linear(8, 11)
        self.embedding = nn.Embedding(11, 8)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.embedding(idx)
        for own, norm in zip(self.maps, self.norms, strict=True):
            x = norm(x + own(x))
        return self.head(x)


def post_norm(net: Any, idx: Tensor) -> Parts:
    found = []
    x = net.embedding(idx)
    for own, norm in zip(net.maps, net.norms, strict=True):
        found.append((x, own(x), x + own(x)))
        x = norm(x + own(x))
    return found


def plain(net: Any, x: Tensor) -> Parts:
    found = []
    x = net.stem(x)
    for one in [layer for stage in net.stages for layer in stage]:
        y = one(x)
        if y.shape == x.shape:
            found.append((x, y.double() - x.double(), y))
        x = y
    return found


def flat(net: Any, x: Tensor) -> Parts:
    found = []
    x = F.relu(net[0](x))
    for place in range(3):
        y = net[2 + 3 * place : 5 + 3 * place](x.clone())
        found.append((x, y.double() - x.double(), y))
        x = y
    return found


def dense(net: Any, x: Tensor) -> Parts:
    found = []
    x = net.conv1(x)
    for stage in net.features:
        if not isinstance(stage, nn.Sequential):
            x = stage(x)
            continue
        for one in stage:
            new = one.conv2(F.relu(one.bn2(one.conv1(F.relu(one.bn1(x))))))
            y = torch.cat((x, new), 1)
            found.append((x, new, y))
            x = y
    return found


CASES = {
    "post-activation": Case(
        lambda: CifarResNet(20, "B", 4, 5), post_activation, images, [[0, 1, 2], [4, 5], [7, 8]]
    ),
    "padded shortcuts": Case(
        lambda: CifarResNet(14, "A", 4, 5), post_activation, images, [[0, 1], [3], [5]]
    ),
    "pre-activation": Case(
        lambda: PreActResNet(PreActBlock, (3, 2), 4, 5), pre_activation, images, [[0, 1, 2], [4]]
    ),
    "GPT": Case(
        lambda: GPT(11, 8, 2, 2, 8, 0.1), gpt, tokens, [[0, 1, 2, 3]], token_loss, is_token=True
    ),
    "post-norm": Case(PostNorm, post_norm, tokens, [[0, 1]], token_loss, is_token=True),
    "plain": Case(lambda: CifarPlainNet(14, 4, 5), plain, images, [[0, 1], [2], [3]]),
    "plain without modules": Case(lambda: plain_flat(3, 4), flat, images, [[0, 1, 2]]),
    "dense": Case(lambda: DenseNet(16, 4, 5), dense, images, []),
}


def cast(value: Tensor, kind: torch.dtype) -> Tensor:
    return value.to(kind) if value.is_floating_point() else value


def examined(
    model: nn.Module, batches: list[Any], loss: Any = F.cross_entropy, **options: Any
) -> Examination:
    """An examination after a training step in which the blocks were found."""
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.1)
    attached = {key: options.pop(key) for key in ("mask", "sample") if key in options}
    probe = resnet_probe.attach(model, optimizer, strict=True, **attached)
    for *inputs, target in (batches[0], batches[-1]):
        optimizer.zero_grad()
        loss(model(*inputs), target).backward()
        optimizer.step()
    found = probe.examine(model, batches, loss, progress=False, **options, curve=False)
    probe.finish()
    assert found is not None
    return found


def similarity_of(found: Examination) -> Similarities:
    assert found.similarity is not None
    return found.similarity


def check_against(
    found: Similarities, batches: list[Parts], stages: list[list[int]], *, is_token: bool,
    absolute: float,
) -> None:  # fmt: skip
    """Every pair, and no other."""
    blocks = len(batches[0])
    spans = {(i, j) for stage in stages for i in stage for j in stage if i <= j}
    assert [(one.first, one.last) for one in found] == [
        (i, j) for i in range(blocks) for j in range(i, blocks)
    ]
    for one in found:
        outputs = [[array(batch[k][2]) for batch in batches] for k in (one.first, one.last)]
        branches = [[array(batch[k][1]) for batch in batches] for k in (one.first, one.last)]
        assert one.cka == pytest.approx(cka(*outputs), abs=absolute)
        assert one.branch_cka == pytest.approx(cka(*branches), abs=absolute)
        if (one.first, one.last) not in spans:
            assert (one.angular_distance.n, one.gap_samples, one.span_gap) == (0, 0, None)
            continue
        angles, gaps = [], []
        for batch in batches:
            x, y = batch[one.first][0], batch[one.last][2]
            lead = 2 if is_token else 1
            own = span(*(array(v.flatten(0, lead - 1).flatten(1)) for v in (x, y)))
            angles += own[0]
            gaps += own[1]
        assert (one.angular_distance.n, one.gap_samples) == (len(angles), len(gaps))
        assert one.angular_distance.mean == pytest.approx(np.mean(angles), abs=absolute)
        m2 = float(np.square(np.array(angles) - np.mean(angles)).sum())
        assert one.angular_distance.m2 == pytest.approx(m2, abs=absolute * len(angles))
        assert one.span_gap == pytest.approx(geometric_mean(gaps), rel=10 * absolute)


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize(
    ("kind", "absolute"),
    [(torch.float64, 1e-11), (torch.float32, 1e-6), (torch.bfloat16, 1e-6)],
    ids=["float64", "float32", "bfloat16"],
)
@pytest.mark.parametrize("name", CASES)
def test_every_pair_is_as_the_papers_write_it(
    name: str, kind: torch.dtype, absolute: float
) -> None:
    case = CASES[name]
    torch.manual_seed(1)
    model = case.make().to(kind)
    batches = [tuple(cast(v, kind) for v in case.batch(rows)) for rows in (6, 5, 3)]
    found = examined(model, batches, case.loss)
    model.eval()
    with torch.no_grad():
        parts = [case.parts(model, x) for x, _ in batches]
    assert similarity_of(found).left_out == ()
    check_against(
        similarity_of(found), parts, case.stages, is_token=case.is_token, absolute=absolute
    )
