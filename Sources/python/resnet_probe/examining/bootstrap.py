"""Bounds of a mean by the paired bootstrap over samples.

Source: Efron and Tibshirani 1993, chapter 13 (percentile intervals).
"""

from __future__ import annotations

import torch

#: How often samples are drawn anew.
RESAMPLES = 2000
#: What the draws follow from; never the generators that training draws from.
SEED = 20_160_627
_TOGETHER = 250  # resamples in float64 at a time


class Bootstrap:
    """Draws the samples once; the same draws serve every block, so that blocks can be compared.

    `confidence` is one-sided, of each bound. Complexity: memory for 2,000 counts a sample.
    """

    def __init__(self, samples: int, confidence: float) -> None:
        self.confidence = confidence
        own = torch.Generator().manual_seed(SEED)
        self._counts = torch.zeros(RESAMPLES, samples, dtype=torch.int16)
        for row in range(RESAMPLES):
            drawn = torch.randint(0, samples, (samples,), generator=own)
            self._counts[row] = torch.bincount(drawn, minlength=samples).to(torch.int16)

    def bounds(self, changes: torch.Tensor) -> tuple[float, float]:
        """The lower and the upper bound of the mean of one change a sample, float64."""
        # One block has the same bounds alone and with others: a product for each.
        means = torch.cat(
            [part.to(torch.float64) @ changes for part in self._counts.split(_TOGETHER)]
        )
        means /= changes.numel()
        places = torch.tensor([1 - self.confidence, self.confidence], dtype=torch.float64)
        lower, upper = torch.quantile(means, places).tolist()
        return lower, upper
