"""Assumptions of the fusion of several cameras."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FusionConfig:
    """Times in seconds, lengths in metres.

    Attributes:
        gate: squared Mahalanobis distance (3 degrees of freedom) beyond which a sighting is not a track's; 16.3 holds
            99.9 %.
        same_id_gate: the same for the track that this camera's id belonged to: the camera's tracker, which sees looks
            and motion, says that it is the same person.
        id_kept: probability that a camera's id stays with its person until its next image.
        new_density: people who are not known yet, per cubic metre.
        tolerance: standard deviation of the cameras' extrinsics, added when people are compared.
        range_std: standard deviation of a distance as a share of it, added when people are compared: a camera cannot
            see how tall somebody is, and the covariances do not expect children.
        height_std: of the difference of two cameras' heights of one person.
        betas_std: the same for each shape number.
        hold: a camera's last sighting is used for this long after it was taken in, moved by the person's velocity; of a
            slow camera for one and a half of its images, up to a second.
        forget_after: a person seen by no camera for longer is forgotten.
        merge_after: two tracks that are one person for this long become one.
        better: a view must be better than the one that gives the pose by this factor to replace it.
    """

    gate: float = 16.3
    same_id_gate: float = 65.0
    id_kept: float = 0.99
    new_density: float = 1e-3
    tolerance: float = 0.1
    range_std: float = 0.1
    height_std: float = 0.1
    betas_std: float = 1.0
    hold: float = 0.25
    forget_after: float = 3.0
    merge_after: float = 0.5
    better: float = 1.25
