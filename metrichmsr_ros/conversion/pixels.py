"""People in pixels: joints and landmarks projected into their pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import NUM_JOINTS, PARENTS
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.conversion.recording import ConvertError, Frames, PersonTrack, SourceRecording, row_name
from metrichmsr_ros.types import Float64Array


def projected(frames: Frames, track: PersonTrack, points: Float64Array) -> tuple[Float64Array, NDArray[np.bool_]]:
    """Pixels (N, P, 2) of points (N, P, 3) in the camera frame of each row, and whether (N, P) they are in the picture.

    Points behind the camera are NaN and not in the picture.
    """
    pixels = points @ np.swapaxes(frames.intrinsics[track.frame], 1, 2)
    depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
    pixels = pixels[..., :2] / depth
    return pixels, in_picture(frames, track, pixels)


def in_picture(frames: Frames, track: PersonTrack, pixels: Float64Array) -> NDArray[np.bool_]:
    """Whether (N, P) pixels (N, P, 2) are in the picture of their row; NaN is not."""
    with np.errstate(invalid="ignore"):
        inside: NDArray[np.bool_] = np.all((pixels >= -0.5) & (pixels <= frames.size[track.frame, None] - 0.5), axis=2)
    return inside


@dataclass(frozen=True, eq=False)
class LandmarkTables:
    """What places BlazePose's landmarks on the skinned open body without its mesh.

    Attributes:
        mass: (33, 24) weight of each joint on each landmark.
        first: (33, 24, 3, 11) weighted positions at rest, for [1, betas].
        joint_template, joint_directions: (24, 3) and (24, 3, 10), the rest joints.
    """

    mass: Float64Array
    first: Float64Array
    joint_template: Float64Array
    joint_directions: Float64Array

    @classmethod
    def of(cls, tables: OpenTables) -> LandmarkTables:
        """The tables of an open body."""
        mesh = np.concatenate([tables.template[..., None], tables.directions], 2)
        first = np.einsum("lv,vj,vck->ljck", tables.landmark_regressor, tables.weights, mesh, optimize=True)
        mass = tables.landmark_regressor @ tables.weights
        return cls(mass, first, tables.joint_template, tables.joint_directions)

    def landmarks(self, track: PersonTrack) -> Float64Array:
        """Landmarks (N, 33, 3) on the body of each row with the row's own shape, m, camera frame."""
        shapes = np.concatenate([np.ones((len(track), 1)), track.betas], 1)
        rest = self.joint_template + np.einsum("jck,nk->njc", self.joint_directions, track.betas)
        arms = np.einsum("ljck,nk->nljc", self.first, shapes) - self.mass[..., None] * rest[:, None]
        turned = np.einsum("njab,nljb->nla", _turns(track), arms, optimize=True)
        landmarks: Float64Array = turned + np.einsum("lj,nja->nla", self.mass, track.joints)
        return landmarks


def _turns(track: PersonTrack) -> Float64Array:
    """(N, 24, 3, 3) rotations of the joints from the rest pose to the camera frame."""
    local = Rotation.from_rotvec(track.pose.reshape(-1, 3)).as_matrix().reshape(-1, NUM_JOINTS, 3, 3)
    turns = [local[:, 0]]
    for joint in range(1, NUM_JOINTS):
        turns.append(turns[PARENTS[joint]] @ local[:, joint])
    return np.stack(turns, 1)


def check_cameras(recording: SourceRecording, track: PersonTrack) -> None:
    """Raise ConvertError if a row's frame has no intrinsics or size."""
    frames = recording.frames
    known = np.isfinite(frames.intrinsics[track.frame]).all((1, 2)) & (frames.size[track.frame] > 0).all(1)
    if not known.all():
        row = int(np.argmin(known))
        raise ConvertError(
            f"{row_name(recording, track, row)}: the source does not have the camera of this frame; give --intrinsics "
            "FX FY CX CY and --image-size WIDTH HEIGHT"
        )


def check_images(recording: SourceRecording) -> None:
    """Raise ConvertError if a frame has no name of a picture."""
    for number, image in zip(recording.frames.number, recording.frames.image, strict=True):
        if image is None:
            raise ConvertError(
                f"{recording.source}: frame {number} has no picture file; give the names of the pictures, such as "
                "--image-names '{source}/{frame:06d}.jpg'"
            )
