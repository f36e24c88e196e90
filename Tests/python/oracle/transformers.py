"""Forwards by hand of transformers; attention by matrix products."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.bert import Bert, Layer
from networks.gpt import GPT, Block

from .tracing import Trace, traced_forward


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)  # N x heads x T x D/heads


@traced_forward.register
def _gpt(
    model: GPT, trace: Trace, ids: Tensor, targets: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    parts = model.transformer
    x = parts["wte"](ids) + parts["wpe"](torch.arange(ids.shape[1]))
    x = parts["drop"](x)
    causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
    blocks = parts["h"]
    assert isinstance(blocks, nn.ModuleList)
    for place, block in enumerate(blocks):
        assert isinstance(block, Block)
        x = trace.enter(x)
        attention = block.attn
        q, k, v = attention.c_attn(block.ln_1(x)).chunk(3, -1)
        q, k, v = (_heads(part, attention.heads) for part in (q, k, v))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(~causal, -math.inf).softmax(-1)
        assert attention.dropout == 0 or not model.training, "SDPA's own dropout is not drawn here"
        f = attention.resid_dropout(attention.c_proj((weights @ v).transpose(1, 2).flatten(2)))
        x = trace.add(
            f"transformer.h.{place}.attn", x, f, [block.ln_1, attention], last=attention.c_proj
        )
        x = trace.enter(x)
        f = block.mlp.c_proj(F.gelu(block.mlp.c_fc(block.ln_2(x))))
        f = block.mlp.dropout(f)
        x = trace.add(
            f"transformer.h.{place}.mlp", x, f, [block.ln_2, block.mlp], last=block.mlp.c_proj
        )
    logits = model.lm_head(parts["ln_f"](x))
    loss = None if targets is None else F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return logits, loss


@traced_forward.register
def _bert(
    model: Bert,
    trace: Trace,
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    token_type_ids: Tensor | None = None,
) -> dict[str, Tensor]:
    if token_type_ids is None:
        token_type_ids = torch.zeros_like(input_ids)
    x = model.embeddings(input_ids, token_type_ids)
    if attention_mask is not None:
        trace.tokens = attention_mask.bool()
    for place, layer in enumerate(model.layer):
        assert isinstance(layer, Layer)
        x = trace.enter(x)
        attention = layer.attention
        maps = (attention.query, attention.key, attention.value)
        q, k, v = (_heads(m(x), attention.heads) for m in maps)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if trace.tokens is not None:
            scores = scores.masked_fill(~trace.tokens[:, None, None, :], -math.inf)
        weights = attention.dropout(scores.softmax(-1))
        output = layer.attention_output
        f = output.dropout(output.dense((weights @ v).transpose(1, 2).flatten(2)))
        total = trace.add(
            f"layer.{place}.attention", x, f, [attention, output.dense], last=output.dense
        )
        x = trace.enter(output.LayerNorm(total))
        output = layer.output
        f = output.dropout(output.dense(F.gelu(layer.intermediate(x))))
        total = trace.add(
            f"layer.{place}.output", x, f, [layer.intermediate, output.dense], last=output.dense
        )
        x = output.LayerNorm(total)
    pooled = torch.tanh(model.pooler(x[:, 0]))
    return {"logits": model.classifier(pooled), "last_hidden_state": x}
