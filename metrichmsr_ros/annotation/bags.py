"""Images of a rosbag2, prepared by the node's own intake as in a replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from metrichmsr_ros.annotation.frames import SourceFrame
from metrichmsr_ros.annotation.options import AnnotateOptions, SourceError
from metrichmsr_ros.replay.bag_source import source_of
from metrichmsr_ros.replay.options import ReplayError, ReplayOptions
from metrichmsr_ros.replay.world.camera_poses import poses_of_bag
from metrichmsr_ros.ros.bags.errors import BagError, DamagedBagError
from metrichmsr_ros.ros.bags.reader import Bag


class BagFrames:
    """Images of a bag; see `frames.FrameStream`. Images that cannot be used are frames with a problem.

    Args:
        path: the bag.
        options: topics and intrinsics.

    Raises:
        SourceError: it cannot be read, or has no images with a known camera.
    """

    is_video = True

    def __init__(self, path: Path, options: AnnotateOptions) -> None:
        self.damage = ""
        self._bag = Bag(path)
        chosen = ReplayOptions(
            image=options.image, camera_info=options.camera_info, fov=options.fov, intrinsics=options.intrinsics,
            image_rectified=options.image_rectified, world=options.world,
        )  # fmt: skip
        try:
            self._bag.__enter__()
            self._source, (topic, _) = source_of(self._bag, chosen)
            self._poses = poses_of_bag(self._bag, options.world, self._source.context.problem)
            self.total: int | None = self._bag.count(topic)
        except (BagError, ReplayError) as error:
            self.close()
            raise SourceError(str(error)) from error

    def close(self) -> None:
        """Close the bag."""
        self._bag.__exit__()

    def __iter__(self) -> Iterator[SourceFrame]:
        """Every image, those that cannot be used with the problem.

        Raises:
            SourceError: the bag cannot be read on.
        """
        index, known = 0, Counter[str]()
        try:
            for ready in self._source:
                for problem in self._problems(known):
                    yield SourceFrame(index, None, None, problem=problem)
                    index += 1
                pose = self._poses.world_from(ready.header.frame_id, ready.stamp_ns)
                yield SourceFrame(
                    index, ready.image, ready.camera, ready.stamp_ns, world_from_camera=pose, context=ready.context,
                    jumped=ready.starts_anew,
                )  # fmt: skip
                index += 1
            self.damage = self._bag.damage
        except DamagedBagError as error:
            self.damage = str(error)
        except (BagError, ReplayError) as error:
            raise SourceError(str(error)) from error
        for problem in self._problems(known):
            yield SourceFrame(index, None, None, problem=problem)
            index += 1

    def _problems(self, known: Counter[str]) -> list[str]:
        """Reasons of the images dropped since `known`, which is brought up to date."""
        fresh = self._source.dropped - known
        known.update(fresh)
        return [f"{cause}: {self._source.reasons[cause]}" for cause in fresh.elements()]
