"""How to examine."""

from __future__ import annotations

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

    def check(self) -> None:
        """Raises a ProbeError, in one line, for what means nothing."""
        problems = (
            (isinstance(self.samples, int) and self.samples >= 2, "samples", "at least 2"),
            (0.5 < self.confidence < 1, "confidence", "above 0.5 and below 1"),
            (self.seconds is None or self.seconds > 0, "seconds", "above 0"),
        )
        for is_good, name, words in problems:
            if not is_good:
                value = getattr(self, name)
                raise ProbeError.explain("examine with", f"{name}={value!r}", f"it is to be {words}",
                                         "give another value")  # fmt: skip
