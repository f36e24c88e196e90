"""What a network may be run with where its user gives nothing: its first layer says."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from resnet_probe.finding.find import Arguments, calls_of
from resnet_probe.notices import ProbeError

#: Rows of a guessed batch, and tokens of one where rows are sequences.
ROWS, TOKENS = 4, 8


def guessed_calls(network: torch.nn.Module) -> Iterator[Arguments]:
    """Arguments to try: an image, token ids, or rows and sequences of features.

    Raises:
        ProbeError: Where the first layer is none that tells.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            for args, kwargs in calls_of(network, None):
                yield tuple(torch.randn_like(image) for image in args), kwargs
            return
        if isinstance(module, torch.nn.Embedding):
            yield (torch.randint(0, module.num_embeddings, (ROWS, TOKENS)),), {}
            return
        if isinstance(module, torch.nn.Linear):
            yield (torch.randn(ROWS, module.in_features),), {}
            yield (torch.randn(ROWS, TOKENS, module.in_features),), {}
            return
    raise ProbeError.explain(
        "find the blocks of", type(network).__name__, "no example can be guessed for it",
        "give example= a batch as the training loop does",
    )  # fmt: skip
