"""Which steps are measured: a pure function of the step and of the steps planned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which steps are measured.

    ``Schedule.default`` measures steps 0, 1, 2 and 5, every 10th up to step 500, then every 50th.
    Where the number of steps is planned: after step 500 every k-th with k = steps/500, at least 1
    and at most 50, and the last step.
    """

    spacing: int | None = None
    """Every how many steps; ``None`` is the standard rule."""
    rule: Callable[[int], bool] | None = None
    """A rule of one's own, which alone decides."""

    default: ClassVar["Schedule"]
    """The standard schedule."""

    @classmethod
    def every(cls, n: int) -> "Schedule":
        """Every n-th step from step 0 on, and the last one where the steps are planned.

        An ``n`` below 1 is taken as 1.
        """
        return cls(spacing=max(1, n))

    def measures(self, step: int, planned_steps: int | None = None) -> bool:
        """Whether a step is measured; steps below 0 are not.

        What a rule of one's own raises is raised here.
        """
        if step < 0:
            return False
        if self.rule is not None:
            return bool(self.rule(step))
        if planned_steps is not None and step == planned_steps - 1:
            return True
        if self.spacing is not None:
            return step % self.spacing == 0
        if step in (1, 2, 5):
            return True
        if step <= 500:
            return step % 10 == 0
        spacing = 50 if planned_steps is None else min(50, max(1, planned_steps // 500))
        return step % spacing == 0


Schedule.default = Schedule()


def parse_schedule(every: object) -> Schedule:
    """The schedule that an argument or a setting means.

    Args:
        every: ``None`` or "default", a number of steps (also as digits), a Schedule, or a
            function of the step that says whether to measure it.

    Raises:
        ValueError: For anything else, in one line.
    """
    if every is None or every == "default":
        return Schedule.default
    if isinstance(every, Schedule):
        return every
    if isinstance(every, str) and every.isascii() and every.isdigit() and len(every) <= 15:
        every = int(every)
    if isinstance(every, int) and not isinstance(every, bool) and every >= 1:
        return Schedule.every(every)
    if callable(every):
        return Schedule(rule=every)
    raise ValueError(
        f'cannot measure every {every!r} steps: give a number from 1, "default", a Schedule or'
        " a function of the step"
    )
