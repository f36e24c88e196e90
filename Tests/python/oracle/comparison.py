"""Where a recorder's statistics differ from what the oracle expects."""

import math
from collections.abc import Mapping
from typing import Any

COUNTERS = ("samples", "micro_batches", "dropped", "undefined", "non_finite")
"""Held to be equal."""

LOGS = ("identity_gap", "residual_ratio")
MOMENTS = (
    "cosine",
    "perpendicular_ratio",
    "angular_distance",
    "block_influence",
    "output_grad_norm",
    "branch_gain",
    "taylor_importance",
)
POOLED = ("stream_rms", "branch_rms", "constant_fraction", "dead_fraction", "absorbed_fraction")
NUMBERS = (
    "taylor_signed_mean",
    "gate_gradient",
    "weight_norm",
    "gradient_norm",
    "update_ratio",
    "gate_rms",
)

SIGNED = ("taylor_signed_mean", "gate_gradient")
"""Sums of terms of both signs: held to the size of the terms."""


def _part(value: Any, name: str) -> Any:  # noqa: ANN401
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name)


def _empty(value: Any) -> bool:  # noqa: ANN401
    return value is None or (not isinstance(value, float) and _part(value, "n") == 0)


class _Comparison:
    def __init__(self, relative: float, absolute: float) -> None:
        self.relative = relative
        self.absolute = absolute
        self.found: list[str] = []

    def equal(self, name: str, found: object, expected: object) -> None:
        if found != expected:
            self.found.append(f"{name}: {found}, expected {expected}")

    def close(self, name: str, found: float, expected: float, absolute: float = 0.0) -> None:
        absolute = max(absolute, self.absolute)
        if not math.isclose(found, expected, rel_tol=self.relative, abs_tol=absolute):
            self.found.append(f"{name}: {found!r}, expected {expected!r}")

    def moments(self, name: str, found: Any, expected: Any) -> None:  # noqa: ANN401
        self.equal(f"{name}.n", _part(found, "n"), _part(expected, "n"))
        n = max(1, _part(expected, "n"))
        mean, m2 = _part(expected, "mean"), _part(expected, "m2")
        # A mean near 0 and a spread near 0 are held to the size of the values.
        size = math.sqrt(mean * mean + m2 / n)
        self.close(f"{name}.mean", _part(found, "mean"), mean, self.relative * size)
        spread = math.sqrt(m2 / n)
        self.close(
            f"{name}.m2", _part(found, "m2"), m2, n * self.relative * size * (2 * spread + size * self.relative)
        )  # fmt: skip


def differences(
    found: Any,  # noqa: ANN401
    expected: Mapping[str, Any],
    *,
    relative: float = 1e-4,
    absolute: float = 1e-9,
    without: tuple[str, ...] = (),
) -> list[str]:
    """One line for each statistic of `found` that is not what the oracle expects; [] if none.

    `found` is a BlockStatistics (attributes) or a dictionary. Counts are held exactly, values to
    `relative` of their size; a histogram may have a sample in a neighbouring slot for each gap
    that lies within `relative` of an edge, so its running sums are held to 1 % of the samples.
    Absent and n = 0 are the same. `without` names statistics that are not compared.
    """
    check = _Comparison(relative, absolute)
    for name in COUNTERS:
        if name not in without:
            check.equal(name, _part(found, name), expected[name])
    for name in (*LOGS, *MOMENTS, *POOLED, *NUMBERS):
        if name in without:
            continue
        ours, wanted = _part(found, name), expected[name]
        if _empty(ours) or _empty(wanted):
            check.equal(f"{name} is absent", _empty(ours), _empty(wanted))
        elif name in NUMBERS:
            check.close(name, ours, wanted, _size(expected) * relative if name in SIGNED else 0.0)
        elif name in POOLED:
            check.equal(f"{name}.n", _part(ours, "n"), wanted["n"])
            check.close(name, _part(ours, "value"), wanted["value"])
        elif name in MOMENTS:
            check.moments(name, ours, wanted)
        else:
            check.equal(f"{name}.n", _part(ours, "n"), wanted["n"])
            check.moments(f"{name}.logs", _part(ours, "logs"), wanted["logs"])
            for rank in ("p50", "p90", "p99", "max"):
                check.close(f"{name}.{rank}", _part(ours, rank), wanted[rank])
    if "identity_gap_histogram" not in without:
        _histogram(check, _part(found, "identity_gap_histogram"), expected)
    return check.found


def _size(expected: Mapping[str, Any]) -> float:
    """The root mean square of a sample's Taylor term."""
    taylor = expected["taylor_importance"]
    if _empty(taylor):
        return 0.0
    return math.sqrt(_part(taylor, "mean") ** 2 + _part(taylor, "m2") / _part(taylor, "n"))


def _histogram(check: _Comparison, found: Any, expected: Mapping[str, Any]) -> None:  # noqa: ANN401
    wanted = expected["identity_gap_histogram"]
    if not found or not wanted:
        check.equal("identity_gap_histogram is absent", not found, not wanted)
        return
    ours = {int(slot): count for slot, count in found.items()}
    check.equal("identity_gap_histogram's samples", sum(ours.values()), sum(wanted.values()))
    slack = max(1, sum(wanted.values()) // 100)
    running = 0
    for slot in range(101):
        running += ours.get(slot, 0) - wanted.get(slot, 0)
        if abs(running) > slack:
            check.found.append(f"identity_gap_histogram at slot {slot}: off by {running}")
            return
