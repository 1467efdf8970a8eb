"""Cost and thresholds of the tracker."""

from __future__ import annotations

from dataclasses import dataclass

from metrichmsr_ros.people.tracking.detection_rota import Pauses


@dataclass(frozen=True)
class TrackerConfig:
    """Cost and thresholds. The defaults suit two CPU cores at 10 to 30 Hz.

    One frame costs at most `max_people` landmark calls, one detector call and `candidates_per_frame` x 7 landmark calls
    for newcomers. A detector call takes a little longer than a landmark call, and runs beside those.

    Attributes:
        pauses: least times between two detector calls.
        candidates_per_frame: boxes that are examined.
        max_people: people tracked at once, including newcomers.
        birth_frames: frames in which a newcomer must be seen before it gets an id; frames that follow each other more
            quickly than at 10 Hz count as far as they are news.
        min_score: the detector's boxes with a lower score start no track.
        birth_confidence: confidence of the first sighting of a newcomer, and of a track that gets an id.
        keep_confidence: a track below this ends.
        keep_score: presence below which a tracked person counts as not seen.
        keep_evidence: `body_evidence` below which a tracked person counts as not seen.
        max_colour_distance: distance of the clothes' colours (CIELAB) above which two sightings are two people; used
            only when the identity is ambiguous. Distances of one person are mostly under 5; that of blue and black
            trousers is 13.
        max_coast_s: a track without a sighting for this time ends. The track of a newcomer, or of a person who was
            leaving the image, ends after a quarter of this time.
        max_gap_s: a longer time between two images is a new scene: all tracks end.
        recheck_s: a box that showed nobody is not examined again within this time.
        divisors, min_side, overlap: the pyramid of tiles that are searched in rotation.
    """

    pauses: Pauses = Pauses()  # noqa: RUF009 (frozen)
    candidates_per_frame: int = 2
    max_people: int = 16
    birth_frames: int = 3
    min_score: float = 0.35
    birth_confidence: float = 0.5
    keep_confidence: float = 0.25
    keep_score: float = 0.4
    keep_evidence: float = 0.36
    max_colour_distance: float = 12.0
    max_coast_s: float = 2.0
    max_gap_s: float = 5.0
    recheck_s: float = 0.5
    divisors: tuple[float, ...] = (1.5, 3.0, 6.0)
    min_side: int = 300
    overlap: float = 0.25
