"""How to examine."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resnet_probe.examining.calling import Forward
from resnet_probe.examining.losses import Compare
from resnet_probe.examining.plan import Chosen
from resnet_probe.notices import ProbeError


@dataclass(frozen=True, slots=True)
class Options:
    """How to examine; see `Probe.examine`."""

    samples: int = 1024
    blocks: Chosen = None
    together: Sequence[Iterable[str | int]] = ()
    confidence: float = 0.95
    seconds: float | None = None
    progress: bool = True
    error_fn: Compare | None = None
    forward: Forward | None = None
    similarity: bool = True
    curve: bool = True

    def check(self) -> None:
        """Raises a ProbeError, in one line, for what means nothing."""
        samples, confidence, seconds = self.samples, self.confidence, self.seconds
        problems = (
            (_is_whole(samples) and samples >= 2, "samples", "at least 2"),
            (
                _is_number(confidence) and 0.5 < confidence < 1,
                "confidence",
                "above 0.5 and below 1",
            ),
            (seconds is None or (_is_number(seconds) and seconds > 0), "seconds", "above 0"),
        )
        for is_good, name, words in problems:
            if not is_good:
                value = getattr(self, name)
                raise ProbeError.explain("examine with", f"{name}={value!r}", f"it is to be {words}",
                                         "give another value")  # fmt: skip


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
