"""The metrics logged and not yet written."""

import numbers
from collections.abc import Iterator, Mapping

from resnet_probe.journal.frame import Frame
from resnet_probe.journal.limits import MAXIMUM_METRIC_KEY_LENGTH, MAXIMUM_METRICS

_MOST_VALUES = 1 << 14
_MOST_LOSSES = 64
_BATCH = 256


class MetricBuffer:
    """Numbers by step and key, the last of a key standing.

    The losses of the newest steps are remembered beyond their writing, since a frame may come
    some steps after its step.
    """

    def __init__(self) -> None:
        self._steps: dict[int, dict[str, float]] = {}
        self._count = 0
        self._losses: dict[int, float] = {}

    @property
    def is_full(self) -> bool:
        """Whether so much waits that it has to be written now."""
        return self._count >= _MOST_VALUES

    def take(self, step: int, values: Mapping[str, float], frame: Frame | None) -> int:
        """Takes a step's numbers, into the frame if it is that step's.

        Returns how many had to be passed over: for their key's length, for being no number or
        for being more than a record takes.
        """
        of_frame = frame is not None and frame.step == step
        target = frame.metrics if frame is not None and of_frame else self._steps.get(step)
        if target is None:
            target = self._steps[step] = {}
        before = len(target)
        passed_over = 0
        for key, value in values.items():
            number = _number(value)
            if (
                number is None
                or not _is_key(key)
                or (len(target) >= MAXIMUM_METRICS and key not in target)
            ):
                passed_over += 1
                continue
            target[key] = number
            if key == "loss":
                if frame is not None and of_frame:
                    frame.loss = number
                else:
                    self._remember(step, number)
        if not of_frame:
            self._count += len(target) - before
            if not target:
                del self._steps[step]
        return passed_over

    def move_into(self, frame: Frame) -> None:
        """Moves what waits for a frame's step into the frame."""
        logged = self._steps.pop(frame.step, {})
        self._count -= len(logged)
        for key, value in logged.items():
            if len(frame.metrics) < MAXIMUM_METRICS or key in frame.metrics:
                frame.metrics[key] = value
        loss = self._losses.pop(frame.step, None)
        if loss is not None:
            frame.loss = loss
            frame.metrics.setdefault("loss", loss)

    def batches(self, before: int | None = None) -> Iterator[list[tuple[int, dict[str, float]]]]:
        """Takes out what waits, or what waits for steps before one, by rising step.

        Each batch is for one write.
        """
        steps = sorted(step for step in self._steps if before is None or step < before)
        batch: list[tuple[int, dict[str, float]]] = []
        for step in steps:
            metrics = self._steps.pop(step)
            self._count -= len(metrics)
            if batch and sum(len(metrics) for _, metrics in batch) + len(metrics) > _BATCH:
                yield batch
                batch = []
            batch.append((step, metrics))
        if batch:
            yield batch

    def _remember(self, step: int, loss: float) -> None:
        self._losses[step] = loss
        while len(self._losses) > _MOST_LOSSES:
            del self._losses[next(iter(self._losses))]


def _number(value: object) -> float | None:
    # Also NumPy's scalars; not tensors, which may lie on a device.
    if isinstance(value, float | int | numbers.Real):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def _is_key(key: object) -> bool:
    if not isinstance(key, str) or not key:
        return False
    if len(key) * 4 <= MAXIMUM_METRIC_KEY_LENGTH:
        return True
    return len(key.encode("utf-8", "surrogatepass")) <= MAXIMUM_METRIC_KEY_LENGTH
