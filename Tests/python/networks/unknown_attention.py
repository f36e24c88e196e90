"""Users' transformers: cross-attention, parallel branches, rotary positions, torch's own."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention of x over a memory, rotary where asked."""

    def __init__(self, width: int, heads: int, rotary: bool = False) -> None:
        super().__init__()
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.heads = heads
        self.rotary = rotary

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # N x heads x T x D/heads

    @staticmethod
    def _rotate(x: Tensor) -> Tensor:
        t, d = x.shape[-2:]
        frequency = 1.0 / 10000 ** (torch.arange(0, d, 2, device=x.device) / d)
        angle = torch.arange(t, device=x.device)[:, None] * frequency.repeat(2)  # T x d
        a, b = x.chunk(2, -1)
        turned = torch.cat((-b, a), -1)
        return x * angle.cos().to(x.dtype) + turned * angle.sin().to(x.dtype)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        """N x T x D over N x S x D to N x T x D."""
        source = x if memory is None else memory
        q = self._split(self.q(x))
        k, v = (self._split(part) for part in self.kv(source).chunk(2, -1))
        if self.rotary:
            q, k = self._rotate(q), self._rotate(k)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Map, GELU, map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """N x T x D to the same."""
        return self.fc2(F.gelu(self.fc1(x)))


class CrossBlock(nn.Module):
    """Self-attention, cross-attention and MLP, each a block of its own."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.self_attn = Attention(width, heads)
        self.cross_attn = Attention(width, heads)
        self.mlp = MLP(width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """N x T x D and N x S x D to N x T x D."""
        x = x + self.self_attn(self.norm1(x))
        x = x + self.cross_attn(self.norm2(x), memory)
        return x + self.mlp(self.norm3(x))


class CrossAttention(nn.Module):
    """A decoder over a memory that a small encoder without blocks made."""

    def __init__(self, width: int = 12, layers: int = 2, heads: int = 2) -> None:
        super().__init__()
        self.encoder = nn.Linear(width, width)
        self.layers = nn.ModuleList([CrossBlock(width, heads) for _ in range(layers)])
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """N x T x D over N x S x D to logits."""
        memory = torch.tanh(self.encoder(source))
        for layer in self.layers:
            x = layer(x, memory)
        return self.head(x)


class ParallelBlock(nn.Module):
    """x + attention + MLP under one norm; `order` says how the sum is written."""

    def __init__(self, width: int, heads: int, order: str, rotary: bool) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.attn = Attention(width, heads, rotary)
        self.mlp = MLP(width)
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        """N x T x D to the same."""
        h = self.ln(x)
        if self.order == "branches first":
            return self.attn(h) + self.mlp(h) + x
        return x + self.attn(h) + self.mlp(h)


class Parallel(nn.Module):
    """Attention and MLP in parallel (GPT-J, PaLM): one block a layer."""

    def __init__(
        self,
        order: str = "branches first",
        width: int = 12,
        layers: int = 3,
        heads: int = 2,
        rotary: bool = True,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, width)
        self.h = nn.Sequential(*(ParallelBlock(width, heads, order, rotary) for _ in range(layers)))
        self.head = nn.Linear(width, 20)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids N x T to logits."""
        return self.head(self.h(self.embed(ids)))


class TorchEncoder(nn.Module):
    """torch's own encoder layers, post-norm or pre-norm, with a key padding mask."""

    def __init__(
        self, norm_first: bool, width: int = 12, layers: int = 2, dropout: float = 0.1
    ) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, 2, 2 * width, dropout, batch_first=True, norm_first=norm_first
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """N x T x D, and N x T of True where padded, to logits."""
        return self.head(self.encoder(x, src_key_padding_mask=padding))


class TorchDecoder(nn.Module):
    """torch's own decoder layers over a memory: three blocks each."""

    def __init__(self, width: int = 12, layers: int = 2) -> None:
        super().__init__()
        layer = nn.TransformerDecoderLayer(width, 2, 2 * width, 0.0, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, layers)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """N x T x D over N x S x D to logits."""
        return self.head(self.decoder(x, memory))
