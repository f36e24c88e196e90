"""Endurance: nothing is lost, whatever dies when.

Runs the real daemon (RESNET_PROBE, else .build/release/resnet-probe) against real recorders, and holds
the store against what they ended. "cluster" needs a Python with torch (RESNET_PROBE_PYTHON, else this
one). `--short` takes about two minutes, without it 500 kills. Names of tests as arguments run only
those.
"""

import argparse
import concurrent.futures
import pathlib
import time
import traceback

import absent_daemon
import clocks
import cluster
import crowds
import disks
import floods
import killed_daemon
import killed_recorders
import mounts
import networked
import older_store
import two_daemons
import visitors
from case import Case, Options, Skipped
from daemon import PROGRAM
from waiting import Broken

CASES: dict[str, Case] = {
    "cluster": cluster.train,  # the longest, so the first
    "killed-daemon": killed_daemon.follow,
    "killed-daemon-http": killed_daemon.deliver,
    "killed-daemon-tls": networked.deliver,
    "killed-recorders": killed_recorders.kill,
    "stopped-daemon": absent_daemon.stop,
    "thousand-journals": absent_daemon.thousand,
    "two-daemons": two_daemons.race,
    "wrong-clocks": clocks.shift,
    "full-disk": disks.full,
    "full-spool": disks.full_spool,
    "read-only-spool": disks.read_only_spool,
    "idle-clients": crowds.idle,
    "stuck-clients": crowds.stuck,
    "staring-clients": networked.stare,
    "fast-clients": floods.flood,
    "visited-store": visitors.visit,
    "restored-store": older_store.restore,
    "deleted-store": older_store.delete,
    "replaced-store": older_store.replace,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="endurance")
    parser.add_argument("names", nargs="*", metavar="test", help=", ".join(CASES))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--jobs", type=int, default=3, help="tests at a time")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(CASES):
        parser.error(f"there is no test {', '.join(sorted(unknown))}")
    kills = arguments.kills or (20 if arguments.short else 500)
    options = Options(arguments.short, kills, 0.002 if arguments.short else 0.01, arguments.seed)
    if not pathlib.Path(PROGRAM).exists():
        parser.error(f"there is no {PROGRAM}: build it, or name another in RESNET_PROBE")
    mounts.enter()
    print(f"endurance of {PROGRAM}, seed {options.seed}", flush=True)
    # Tests mostly wait: a few at a time keep two cores busy.
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = list(pool.map(lambda name: _run(name, options), arguments.names or CASES))
    return 0 if all(outcomes) else 1


def _run(name: str, options: Options) -> bool:
    """Runs one test and prints its line; whether it did not fail."""
    begun = time.monotonic()
    try:
        word, line = "ok", CASES[name](options)
    except Skipped as reason:
        word, line = "skipped", str(reason)
    except Broken as failure:
        word, line = "FAILED", str(failure)
    except Exception:  # noqa: BLE001 - whatever it is, it is this test's failure
        word, line = "FAILED", traceback.format_exc()
    print(f"{word:8} {name:18} {time.monotonic() - begun:5.1f} s  {line}", flush=True)
    return word != "FAILED"


if __name__ == "__main__":
    raise SystemExit(main())
