"""Endurance test of the node in a process of its own, with the real network and under faults.

    python -m benchmarks.soak --minutes 30
    python -m benchmarks.soak --minutes 10 --hz 30 --pipeline instant --faults none
    python -m benchmarks.soak --minutes 0 --cycles 1000

A photograph of a person is sent at a fixed rate. Quiet times alternate with faults: fuzzed images, calibrations and
transforms (fuzz), stamps that jump (clock), a camera driver that restarts (restart), transforms that stay out or are
wrong (tf), parameters that change (parameters), a node that is deactivated and cleaned up (lifecycle). Every image must
be reported on /diagnostics as processed or dropped. Latency, from publishing an image to receiving its HumanMeshArray,
counts in quiet times. Exit status 1: an image is unaccounted for or failed with an exception, memory grew by more than
2 %, the 99th percentile of the latency is more than three times its median, or the node was lost.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import time
from pathlib import Path

from rclpy.utilities import get_rmw_implementation_identifier

from benchmarks.processes import resident, running
from benchmarks.soak import nodes
from benchmarks.soak.cycles import run_cycles
from benchmarks.soak.driver import Driver, NodeLostError
from benchmarks.soak.faults import FAULTS, Fault
from benchmarks.soak.result import Result

QUIET_S = 8.0
_SETTLE_S = 2.0  # after a fault, in which latency does not count
_BURSTS = 5  # of 30 images at once, so that the node's queues have been full before memory is measured


def soak(minutes: float, hz: float, pipeline: str, faults: list[str], seed: int) -> Result:
    """Run the node under these faults for some minutes after a warm-up, in which each of them comes once."""
    driver, chance = Driver(hz), random.Random(seed)
    result = Result(driver.watch)
    with running(nodes.command(pipeline)) as pid:
        try:
            driver.matched()
            driver.run(QUIET_S)
            for _ in range(_BURSTS):
                for number in range(30):
                    driver.send_whole(number)
                driver.spin(0.5)
            for name in faults:
                _episode(driver, chance, name, result)
            _work(driver, chance, faults, result, pid, 60.0 * minutes)
        except (NodeLostError, OSError) as error:
            result.lost = f"the node was lost: {error}"
    driver.close()
    return result


def _work(driver: Driver, chance: random.Random, faults: list[str], result: Result, pid: int, seconds: float) -> None:
    """Quiet times and faults in turn."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        driver.run(_SETTLE_S)
        driver.watch.quiet = True
        driver.run(QUIET_S)
        driver.spin(0.5)
        driver.watch.quiet = False
        driver.watch.waiting.clear()
        result.memory.append((time.monotonic() - started, resident(pid)))
        _account(driver, "quiet", result)
        if faults:
            _episode(driver, chance, chance.choice(faults), result)


def _episode(driver: Driver, chance: random.Random, name: str, result: Result) -> None:
    fault: Fault = FAULTS[name]
    fault(driver, chance)
    result.episodes[name] += 1
    _account(driver, name, result)


def _account(driver: Driver, name: str, result: Result) -> None:
    """Count what is not reported since the last call to this cause."""
    missing = driver.drain() - result.unaccounted.total()
    if missing:
        result.unaccounted[name] += missing


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="0: no soak")
    parser.add_argument("--hz", type=float, default=10.0)
    parser.add_argument("--pipeline", choices=("real", "instant"), default="real", help="instant: four people at once")
    parser.add_argument("--faults", default=",".join(FAULTS), help="names separated by commas, or none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cycles", type=int, default=0, help="lifecycle cycles before the soak")
    options = parser.parse_args()
    options.faults = [name for name in options.faults.split(",") if name not in ("", "none")]
    unknown = [name for name in options.faults if name not in FAULTS]
    if unknown:
        parser.error(f"--faults {unknown[0]}: no such fault; choose of {', '.join(FAULTS)}, or none")
    return options


def main() -> int:
    """Run; the exit status."""
    options = _options()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if options.cycles:
        run_cycles(options.cycles)
    if not options.minutes:
        return 0
    profile = os.environ.get("FASTRTPS_DEFAULT_PROFILES_FILE") or os.environ.get("FASTDDS_DEFAULT_PROFILES_FILE")
    print(f"{get_rmw_implementation_identifier()}, {Path(profile).name if profile else 'default profile'}")
    about = f"{options.pipeline} pipeline, faults: {', '.join(options.faults) or 'none'}, seed {options.seed}"
    print(f"{options.minutes:g} min at {options.hz:g} Hz, {nodes.SIZE[0]}x{nodes.SIZE[1]} rgb8, {about}", flush=True)
    return soak(options.minutes, options.hz, options.pipeline, options.faults, options.seed).show()


if __name__ == "__main__":
    sys.exit(main())
