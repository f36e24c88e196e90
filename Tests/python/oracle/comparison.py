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


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name)


def _empty(value: Any) -> bool:
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

    def within(self, name: str, found: float, expected: float, off: float) -> None:
        if not abs(found - expected) <= off:
            self.found.append(f"{name}: {found!r}, expected {expected!r}")

    def moments(self, name: str, found: Any, expected: Any, scale: float = 0.0) -> None:
        n = _part(expected, "n")
        self.equal(f"{name}.n", _part(found, "n"), n)
        mean, m2 = _part(expected, "mean"), _part(expected, "m2")
        # Each value may be off by `relative` of its size, a logarithm by `relative` itself; so may
        # a mean or a spread near 0.
        deviation = math.sqrt(m2 / max(1, n))
        size = 1.0 if name.endswith(".logs") else max(scale, math.hypot(mean, deviation))
        off = max(self.absolute, self.relative * size)
        self.within(f"{name}.mean", _part(found, "mean"), mean, off)
        self.within(f"{name}.m2", _part(found, "m2"), m2, n * off * (2 * deviation + off))


def scale(name: str, expected: Mapping[str, Any]) -> float:
    """The size of what a statistic is a difference or a projection of: its error is that of it."""
    if name in ("cosine", "constant_fraction"):
        return 1.0
    if name == "branch_gain":
        return 1e-2  # dl/dx - g, of which float32 keeps 1e-7 of g
    if name in ("perpendicular_ratio", "angular_distance") and expected["identity_gap"]["n"]:
        return float(expected["identity_gap"]["p50"])
    if name in ("taylor_importance", "taylor_signed_mean", "gate_gradient"):
        # |<g, F>| <= |g| |F|: what is left after cancellation has the error of the whole.
        return _importance_before_cancelling(expected)
    return 0.0


def _importance_before_cancelling(expected: Mapping[str, Any]) -> float:
    if expected["taylor_importance"] is None:
        return 0.0
    importance = float(expected["taylor_importance"]["mean"]) * expected["micro_batches"]
    norm, size = expected["output_grad_norm"], expected["branch_rms"]
    if not norm or not size or not norm["n"]:
        return importance
    width = size["n"] / max(1, norm["n"])
    whole = float(norm["mean"] * size["value"] * math.sqrt(width))
    return max(importance, 0.03 * whole * expected["micro_batches"])


def differences(
    found: Any,
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
            check.close(name, ours, wanted, relative * scale(name, expected))
        elif name in POOLED:
            check.equal(f"{name}.n", _part(ours, "n"), wanted["n"])
            check.close(
                name, _part(ours, "value"), wanted["value"], relative * scale(name, expected)
            )
        elif name in MOMENTS:
            check.moments(name, ours, wanted, scale(name, expected))
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


def _histogram(check: _Comparison, found: Any, expected: Mapping[str, Any]) -> None:
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
