"""Experiments: what is claimed of residual networks comes out, measured from scratch.

Trains networks with the recorder attached, takes their journals in with the command
(RESNET_PROBE_BINARY, else .build/release/resnet-probe), and holds what report and query say against
what is claimed. Prints one table; 1 where a claim does not come out. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Not this folder itself: its files would hide modules of their names.
sys.path[0] = str(HERE.parent)
sys.path[1:1] = [
    str(ROOT / "Sources" / "python"), str(ROOT / "Sources" / "python" / "examples"),
    str(HERE.parent / "python"),
]  # fmt: skip
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from experiments.claim import Claim
from experiments.experiments import EXPERIMENTS, FAST
from experiments.scene import Scene, program
from experiments.table import Line, put_into, table


def main() -> int:
    """Runs the experiments asked for; 1 where one does not come out, 130 where it was stopped."""
    options = parsed()
    torch.set_num_threads(1)  # on networks this small, threads mostly wait for each other
    chosen = options.only or (FAST if options.fast else list(EXPERIMENTS))
    lines: list[Line] = []
    is_stopped = False
    begun = time.monotonic()
    with Scene(options.fast, options.seeds) as scene:
        for name in chosen:
            try:
                _run(name, scene, lines)
            except KeyboardInterrupt:
                is_stopped = True
                break
    rows = [line.cells for line in lines]
    print(f"{time.monotonic() - begun:.0f} s on {machine()}.\n\n{table(rows)}")
    if is_stopped:
        return 130
    if options.article is not None:
        put_into(options.article, machine(), rows, list(EXPERIMENTS))
    return 0 if all(line.claim.holds for line in lines) else 1


def _run(name: str, scene: Scene, lines: list[Line]) -> None:
    """Runs one experiment; whatever goes wrong in it is a claim that does not hold."""
    mark = time.monotonic()
    try:
        for claim in EXPERIMENTS[name](scene):
            now = time.monotonic()
            lines.append(Line(name, claim, now - mark))
            word = "ok" if claim.holds else "FAILED"
            scene.say(f"{name:2} {word:6} {now - mark:5.1f} s  {claim.text}: {claim.measured}")
            scene.end_line()
            mark = now
    except Exception as failure:
        traceback.print_exc()
        claim = Claim("the experiment can be made", "made", f"{failure}"[:40], False)
        lines.append(Line(name, claim, time.monotonic() - mark))


def machine() -> str:
    """What it is measured on."""
    model = platform.processor() or platform.machine()
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        rows = information.read_text().splitlines()
        model = next((row.split(": ")[1] for row in rows if row.startswith("model name")), model)
    return f"one core of {model}, torch {torch.__version__}, Python {platform.python_version()}"


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="experiments")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), metavar="A,D", help=", ".join(EXPERIMENTS)
    )
    parser.add_argument("--seeds", type=int, help="seeds of each experiment")
    parser.add_argument("--fast", action="store_true", help="what takes seconds, smaller")
    parser.add_argument("--article", type=pathlib.Path, help="the article whose table to renew")
    options = parser.parse_args()
    if unknown := set(options.only or ()) - set(EXPERIMENTS):
        parser.error(f"there is no experiment {', '.join(sorted(unknown))}")
    if options.seeds is not None and options.seeds < 1:
        parser.error("--seeds is at least 1")
    if not program().exists():
        parser.error(f"there is no {program()}: build it, or name another in RESNET_PROBE_BINARY")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
