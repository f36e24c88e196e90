"""What the command names when it compares runs of several depths."""

from __future__ import annotations

from experiments.scene import Scene

KINDS = (
    "degradation", "overfitting", "exploding_at_initialisation", "vanishing", "diverged",
)  # fmt: skip
"""What can be wrong with depth; other findings speak of what cannot be compared."""


def named(scene: Scene, runs: list[str]) -> dict[str, list[str]]:
    """The identities of the runs that each kind of finding is about, in the order given."""
    compared = scene.compare(runs)
    identities = {run["id"]: run["uuid"] for run in compared["runs"]}
    found: dict[str, list[str]] = {}
    for finding in compared["findings"]:
        if finding["kind"] in KINDS:
            about = [identities[number] for number in finding["runs"]]
            found.setdefault(finding["kind"], []).extend(about)
    return {kind: [run for run in runs if run in about] for kind, about in found.items()}
