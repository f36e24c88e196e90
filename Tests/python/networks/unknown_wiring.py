"""Users' networks: how streams travel between blocks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .unknown_adds import conv_branch, linear_branch


class TupleBlock(nn.Module):
    """Takes and returns the stream with a running mean beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.f = conv_branch(width)

    def forward(self, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(N x C x H x W, N x C) to the same."""
        x, summary = state
        x = x + self.f(x)
        return x, 0.5 * summary + 0.5 * x.mean((2, 3))


class Tuples(nn.Module):
    """Tuples between blocks, a tuple as output."""

    def __init__(self, width: int = 8, count: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(TupleBlock(width) for _ in range(count)))
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images to logits and features."""
        x = self.stem(x)
        x, summary = self.blocks((x, x.mean((2, 3))))
        return self.fc(x.mean((2, 3)) + summary), summary


class DictBlock(nn.Module):
    """Takes keywords and returns a dictionary."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.f = linear_branch(width)

    def forward(self, *, hidden: Tensor) -> dict[str, Tensor]:
        """N x T x D under "hidden"."""
        return {"hidden": hidden + self.f(hidden)}


class Dicts(nn.Module):
    """Dictionaries between blocks and, nested, as output."""

    def __init__(self, width: int = 12, count: int = 3) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([DictBlock(width) for _ in range(count)])
        self.head = nn.Linear(width, 10)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, object]:
        """{"tokens": N x T x D} to logits and all streams."""
        state = {"hidden": batch["tokens"]}
        streams = []
        for block in self.blocks:
            state = block(**state)
            streams.append(state["hidden"])
        return {"out": {"logits": self.head(state["hidden"])}, "streams": streams}


class SharedBlock(nn.Module):
    """A basic block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.f = conv_branch(width)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to the same."""
        return F.relu(x + self.f(x))


class BlockTwice(nn.Module):
    """One block module used twice, another once: three blocks."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.shared = SharedBlock(width)
        self.other = SharedBlock(width)
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        x = F.relu(self.stem(x))
        x = self.shared(self.other(self.shared(x)))
        return self.fc(x.mean((2, 3)))


class BranchesInLoop(nn.Module):
    """Branches in a ModuleList, added in a loop of the network's forward."""

    def __init__(self, width: int = 12, count: int = 4) -> None:
        super().__init__()
        self.branches = nn.ModuleList([linear_branch(width) for _ in range(count)])
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Rows N x width to ten logits."""
        for branch in self.branches:
            x = x + branch(x)
        return self.head(x)


class EDSRBlock(nn.Module):
    """conv, ReLU, conv, scaled (Lim et al. 2017); no norm."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(True),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to the same."""
        res = self.body(x).mul(self.scale)
        res += x
        return res


class EDSR(nn.Module):
    """Blocks and a convolution under one long skip."""

    def __init__(self, width: int = 8, count: int = 3) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, width, 3, padding=1)
        body: list[nn.Module] = [EDSRBlock(width, 0.1) for _ in range(count)]
        body.append(nn.Conv2d(width, width, 3, padding=1))
        self.body = nn.Sequential(*body)
        self.tail = nn.Sequential(
            nn.Conv2d(width, 4 * width, 3, padding=1),
            nn.PixelShuffle(2),
            nn.Conv2d(width, 3, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images to images of twice the height and width."""
        x = self.head(x)
        res = self.body(x)
        res += x
        return self.tail(res)


class InnerResidual(nn.Module):
    """A branch that holds a residual of its own: outer F = conv(u + g(u)), u = conv(x)."""

    def __init__(self, width: int = 8, count: int = 2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.before = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(count)])
        self.inner = nn.ModuleList([conv_branch(width) for _ in range(count)])
        self.after = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(count)])
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        x = self.stem(x)
        for before, inner, after in zip(self.before, self.inner, self.after, strict=True):
            u = F.relu(before(x))
            u = F.relu(u + inner(u))
            x = x + after(u)
        return self.fc(x.mean((2, 3)))


class DoubleConv(nn.Module):
    """Two convolutions with norms and ReLUs."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(incoming, outgoing, 3, padding=1, bias=False),
            nn.BatchNorm2d(outgoing),
            nn.ReLU(inplace=True),
            nn.Conv2d(outgoing, outgoing, 3, padding=1, bias=False),
            nn.BatchNorm2d(outgoing),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """N x incoming x H x W to N x outgoing x H x W."""
        return self.double_conv(x)


class UNet(nn.Module):
    """Down and up with concatenated skips (Ronneberger et al. 2015)."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.inc = DoubleConv(3, width)
        self.down1 = DoubleConv(width, 2 * width)
        self.down2 = DoubleConv(2 * width, 4 * width)
        self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.conv1 = DoubleConv(4 * width, 2 * width)
        self.up2 = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.conv2 = DoubleConv(2 * width, width)
        self.outc = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images to maps of two classes."""
        x1 = self.inc(x)
        x2 = self.down1(F.max_pool2d(x1, 2))
        x3 = self.down2(F.max_pool2d(x2, 2))
        x = self.conv1(torch.cat([x2, self.up1(x3)], dim=1))
        x = self.conv2(torch.cat([x1, self.up2(x)], dim=1))
        return self.outc(x)


class GRUCell(nn.Module):
    """h' = (1 - z)·n + z·h by hand: an interpolation, no residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gates = nn.Linear(2 * width, 2 * width)
        self.new = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """N x D and N x D to N x D."""
        z, r = torch.sigmoid(self.gates(torch.cat((x, h), -1))).chunk(2, -1)
        n = torch.tanh(self.new(torch.cat((x, r * h), -1)))
        return (1 - z) * n + z * h


class GRUNet(nn.Module):
    """A recurrent network over the sequence: nothing to find here."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.cell = GRUCell(width)
        self.fused = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """N x T x D to ten logits."""
        h = torch.zeros_like(x[:, 0])
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        sequence, _ = self.fused(x)
        return self.head(torch.cat((h, sequence[:, -1]), -1)[:, : h.shape[-1]])
