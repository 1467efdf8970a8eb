"""Time of a frame by number of people, stage and image size, beside MediaPipe's tracker, and over DDS.

    python -m benchmarks.speed [--peer-python PATH] [--release PATH] [--quick] [--no-dds]

Rendered videos at 30 images a second of simulated time, from a camera that moves. Ours is the default preset with the
node's defaults, for a subscriber of ~/humans. MediaPipe's is its legacy Pose, which follows one person and gives no
metres; PATH is the Python of an environment with its wheel. Each tracker has a process of its own, all take turns on
the same frames, and a time is that of the call alone. CPU time is of all threads, and its mean a frame. Where one
person is in view, our tracker without its pixel branch takes turns, too.

With a checkout of the last release (git worktree add PATH TAG), its tracker takes turns, too. Exit status 1: ours took
over 15 % longer than the release in a video.

Over DDS, sender, node and receiver have processes of their own; a time is from publishing an image to receiving its
people on /tf, or ~/humans where nobody is in view. Set FASTRTPS_DEFAULT_PROFILES_FILE=config/fastdds_large_images.xml.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.speed.scenes import VIDEOS
from benchmarks.speed.tables import print_ratio, print_stages, print_times, verdict
from benchmarks.speed.trackers import take_turns, trackers

MOST_RATIO, MOST_FIRST_S = 1.35, 2.0
MOST_SLOWER = 1.15  # than the last release
MOST_FOR_PIXELS = 1.15  # time of a frame with one person, divided by that without the pixel branch
WARM_UP = 12  # frames in which people are found and get an id


def print_videos(seconds: float, peer_python: Path | None, release: Path | None) -> bool:
    """Print the table of times in process; whether ours is as fast as the release in every video."""
    slower = 0.0
    for video in VIDEOS:
        is_of_one = video.people == 1 and not video.depth
        with TemporaryDirectory() as folder:
            images = video.render(seconds, Path(folder, "frames.npy"))
            options = ["--depth"] if video.depth else []
            with trackers(peer_python, release, is_of_one, *options) as started:
                answers = take_turns(started, images, WARM_UP)
                first_s = started["ours"].first_s or 0.0
        for name, times in answers.items():
            print_times(video, name, times)
        if "mediapipe" in answers:
            print_ratio(answers["ours"], answers["mediapipe"], "MediaPipe", MOST_RATIO if is_of_one else None)
        if "landmarks" in answers:
            print_ratio(answers["ours"], answers["landmarks"], "the landmarks' network", MOST_FOR_PIXELS)
        if "release" in answers:
            slower = max(slower, print_ratio(answers["ours"], answers["release"], "the release", MOST_SLOWER))
        print_stages(video, answers["ours"])
        print(f"{'':22} first result {first_s:.1f} s after the start{verdict(first_s, MOST_FIRST_S)}", flush=True)
    return slower <= MOST_SLOWER


def main() -> int:
    """Run the command in the module's docstring; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", type=Path, help="Python of an environment with MediaPipe's wheel")
    parser.add_argument("--release", type=Path, help="checkout of the last release, to compare with")
    parser.add_argument("--quick", action="store_true", help="a third of the frames")
    parser.add_argument("--no-dds", action="store_true", help="in process only; needs no ROS 2")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    seconds = 1.5 if options.quick else 4.5
    is_fast = print_videos(seconds, options.peer_python, options.release)
    if not options.no_dds:
        from benchmarks.speed.dds import print_dds

        print_dds(seconds)
    return 0 if is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
