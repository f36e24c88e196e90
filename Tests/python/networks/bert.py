"""A BERT (Devlin et al. 2018): post-norm, an attention_mask keyword, a dictionary as output."""

import math

import torch
from torch import Tensor, nn


class Embeddings(nn.Module):
    """Words, positions and segments, added and normed."""

    def __init__(self, vocabulary: int, context: int, width: int, dropout: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(context, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """Ids N x T to N x T x D."""
        positions = torch.arange(input_ids.size(1), device=input_ids.device)
        positions = positions.unsqueeze(0).expand_as(input_ids)  # N x T
        embeddings = self.word_embeddings(input_ids)
        embeddings = embeddings + self.token_type_embeddings(token_type_ids)
        embeddings += self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(embeddings))


class SelfAttention(nn.Module):
    """Attention by matrix products and a softmax, with an additive mask."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.heads = heads

    def _split(self, x: Tensor) -> Tensor:
        return x.view(x.size(0), x.size(1), self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The context N x T x D and the weights N x heads x T x T."""
        q, k, v = (self._split(m(hidden)) for m in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))
        if mask is not None:
            scores = scores + mask
        weights = self.dropout(scores.softmax(-1))
        context = (weights @ v).permute(0, 2, 1, 3).contiguous()
        return context.view(hidden.shape), weights


class Output(nn.Module):
    """A map, dropout, and the norm of the sum with the stream."""

    def __init__(self, incoming: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(incoming, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, stream: Tensor) -> Tensor:
        """N x T x incoming and N x T x D to N x T x D."""
        hidden = self.dropout(self.dense(hidden))
        return self.LayerNorm(hidden + stream)


class Layer(nn.Module):
    """Attention and feed-forward, each added to the stream and then normed."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, dropout)
        self.attention_output = Output(width, width, dropout)
        self.intermediate = nn.Linear(width, 4 * width)
        self.output = Output(4 * width, width, dropout)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The stream N x T x D and the attention weights."""
        context, weights = self.attention(hidden, mask)
        attended = self.attention_output(context, hidden)
        between = nn.functional.gelu(self.intermediate(attended))
        return self.output(between, attended), weights


class Bert(nn.Module):
    """Embeddings, layers, and a pooler of the first token."""

    def __init__(
        self,
        vocabulary: int = 30522,
        context: int = 512,
        layers: int = 12,
        heads: int = 12,
        width: int = 768,
        dropout: float = 0.1,
        classes: int = 2,
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocabulary, context, width, dropout)
        self.layer = nn.ModuleList([Layer(width, heads, dropout) for _ in range(layers)])
        self.pooler = nn.Linear(width, width)
        self.classifier = nn.Linear(width, classes)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Ids N x T; a mask N x T of 1 for tokens, 0 for padding."""
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        hidden = self.embeddings(input_ids, token_type_ids)
        mask = None
        if attention_mask is not None:
            mask = attention_mask[:, None, None, :].to(hidden.dtype)
            mask = (1.0 - mask) * torch.finfo(hidden.dtype).min
        for layer in self.layer:
            hidden, _ = layer(hidden, mask)
        pooled = self.pooler(hidden[:, 0]).tanh()
        return {"logits": self.classifier(pooled), "last_hidden_state": hidden}
