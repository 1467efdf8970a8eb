"""Test-time augmentation: people who were found are seen again: mirrored, by the heavier network, and wide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Literal

from metrichmsr_ros.assets import AssetError
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.plausibility import legs_hidden
from metrichmsr_ros.people.detection.test_time_views import View2D, further_views
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import ImageArray

Augmentation = Literal["none", "flip", "full"]


class ViewMaker:
    """Makes further views of people, as far as the network reads them.

    Args:
        blazepose: the landmark network that found the people.
        reads_views: whether the body network reads landmarks; one over pixels has one view.
        load_heavy: called once, when first needed, for BlazePose with the heavier landmark network; may return None.
        workers: take several people at a time; None: one after the other.
    """

    def __init__(
        self,
        blazepose: BlazePose,
        reads_views: bool,
        load_heavy: Callable[[], BlazePose | None] = lambda: None,
        workers: Workers | None = None,
    ) -> None:
        self._blazepose, self._reads_views, self._load_heavy = blazepose, reads_views, load_heavy
        self._workers = workers or Workers()

    @cached_property
    def heavy(self) -> BlazePose | None:
        """The heavier network, None where it is not there."""
        return self._load_heavy()

    @property
    def names(self) -> tuple[str, ...]:
        """Views of people in single images, by landmark network."""
        if not self._reads_views:
            return ("pixels",)
        return ("full", "full mirrored") + (("heavy", "heavy mirrored") if self.heavy else ())

    def __call__(
        self, image: ImageArray, seen: Sequence[TrackedPerson], augmentation: Augmentation
    ) -> dict[int, list[View2D]]:
        """Further views by row of `seen`.

        Args:
            image: (H, W, 3) uint8 RGB, rectified.
            seen: everybody seen in it.
            augmentation: "none": wide views of people whose legs are hidden, alone; "flip": also the mirrored image of
                everybody; "full": also the heavier network, straight and mirrored.
        """
        if not self._reads_views:
            return {}
        sets, everybody = [person.landmarks for person in seen], augmentation != "none"
        rows = [row for row, found in enumerate(sets) if everybody or legs_hidden(found.visibility) > 0]
        heavy = self.heavy if augmentation == "full" else None
        return further_views(image, sets, rows, self._blazepose, heavy, self._workers, usual=everybody)

    def heavy_views(
        self,
        image: ImageArray,
        seen: Sequence[TrackedPerson],
        rows: Sequence[int],
        known: Mapping[int, Sequence[View2D]],
    ) -> dict[int, list[View2D]]:
        """Views by the heavier network of `rows` of `seen`: straight, mirrored, and wide where legs are hidden.

        None where the network is not there.

        Args:
            image: as for the call. seen: everybody seen in it.
            rows: people to see again. known: further views that there are already; who has heavy ones gets no more.
        """
        missing = [row for row in rows if not any(view.landmarks.heavy for view in known.get(row, ()))]
        if not missing or not self._reads_views or self.heavy is None:
            return {}
        sets = [person.landmarks for person in seen]
        return further_views(image, sets, missing, None, self.heavy, self._workers)


def heavier(blazepose: BlazePose) -> BlazePose | None:
    """BlazePose with the heavier landmark network, None where `metrichmsr setup` could not fetch it."""
    try:
        return blazepose.heavier()
    except AssetError:
        return None


def landmarks_by_id(
    seen: Sequence[TrackedPerson], *further: Mapping[int, Sequence[View2D]]
) -> dict[str, list[LandmarkSet]]:
    """All landmarks of each person: the first, and those of further views by row; without wide views."""
    return {
        person.id: [person.landmarks, *(v.landmarks for views in further for v in views.get(row, ()) if not v.wide)]
        for row, person in enumerate(seen)
    }


def roles_of(views: Mapping[int, Sequence[View2D]]) -> ViewRoles:
    """Whom further views show, whether they are mirrored, and how wide views count, from views by row of the person."""
    listed = [(row, view.mirrored, view.wide) for row, of_one in views.items() for view in of_one]
    return ViewRoles(*zip(*listed, strict=True))
