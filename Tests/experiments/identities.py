"""Which blocks a report calls an identity."""

from __future__ import annotations

from experiments.scene import Row

IDENTITY = ("strict_identity", "near_identity")


def flagged(report: Row) -> list[int]:
    """The ordinals of the blocks that the report flags."""
    return [block["ordinal"] for block in report["blocks"] if block["verdict"] in IDENTITY]
