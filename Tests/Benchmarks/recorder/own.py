"""What only our recorder has: the host's time of its hooks, the bytes of its frames."""

from __future__ import annotations

import os
import pathlib
import tempfile
import time

import resnet_probe
import torch

from recorder import ways
from recorder.trainer import Trainer

FRAMES = 4


def unmeasured_microseconds() -> float:
    """What the hooks alone take in a step that is not measured: of a network that does nothing."""

    class Nothing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    def loop(is_attached: bool) -> float:
        model = Nothing()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        x = torch.zeros(1, requires_grad=True)
        if is_attached:
            resnet_probe.attach(model, optimizer, every=lambda _: False)
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(2000):
                model(x)
                optimizer.step()
            best = min(best, time.perf_counter() - start)
        return best / 2000 * 1e6

    return loop(True) - loop(False)


def bytes_per_frame(trainer: Trainer, detail: str) -> float:
    """What a measured step adds to the journal, without the journal's head."""

    def written(steps: int) -> int:
        with tempfile.TemporaryDirectory() as spool:
            before = os.environ.get("RESNET_PROBE_SPOOL")
            os.environ["RESNET_PROBE_SPOOL"] = spool
            try:
                ways.recorded(trainer, detail)
                for _ in range(steps):
                    trainer()
                trainer.probe.finish()  # type: ignore[attr-defined]
            finally:
                if before is not None:
                    os.environ["RESNET_PROBE_SPOOL"] = before
            return sum(
                path.stat().st_size for path in pathlib.Path(spool).rglob("*.rpj")
            )

    return (written(FRAMES + 1) - written(1)) / FRAMES
