"""What `resnet-probe demo` trains: the fully connected networks in Swift."""

from __future__ import annotations

from experiments.scene import Scene


def demo_runs(scene: Scene) -> dict[str, str]:
    """The identities of the demo's runs by name; trains them where that was not done."""
    if "demo" not in scene.kept:
        scene.say("the demo's six networks")
        scene.command("demo", "--store", scene.store, "--spool", scene.spool)
        rows = scene.query("SELECT name, uuid FROM run WHERE project = 'demo'")
        scene.kept["demo"] = {row["name"]: row["uuid"] for row in rows}
    found = scene.kept["demo"]
    assert isinstance(found, dict)
    return found
