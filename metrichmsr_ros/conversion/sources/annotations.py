"""A recording from one source of an annotation folder."""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.conversion.recording import ConvertError, Frames, PersonTrack, SourceRecording
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder, TableColumns
from metrichmsr_ros.types import AnyArray


def read_annotations(folder: AnnotationFolder, source: str) -> SourceRecording:
    """The recording of one source of a folder.

    Raises:
        AnnotationError: a table is missing, damaged, of another layout or of another recording.
        ConvertError: a frame is there twice, people are of several bodies, or a person's frame is not in the table of
            frames.
    """
    table = folder.frames(source)
    number = table["frame"]
    if (np.diff(number) <= 0).any():
        twice = number[int(np.argmax(np.diff(number) <= 0))]
        raise ConvertError(f"{source}: frame {twice} is twice in the table of frames; annotate the source again")
    tracks = folder.tracks(source)
    bodies = sorted({str(body) for track in tracks.values() for body in track["body_model"]})
    if len(bodies) > 1:
        raise ConvertError(f"{source}: its people are of several bodies: {', '.join(bodies)}; annotate it again")
    rates = table["fps"][np.isfinite(table["fps"])]
    return SourceRecording(
        source=source,
        body=bodies[0] if bodies else folder.manifest.body_model,
        fps=float(np.median(rates)) if len(rates) else None,
        frames=_frames(table),
        tracks=tuple(_track(source, name, track, number) for name, track in tracks.items()),
    )


def _frames(table: TableColumns) -> Frames:
    return Frames(
        number=table["frame"],
        stamp_ns=table["stamp_ns"],
        size=np.stack([table["width"], table["height"]], 1).astype(np.int64),
        intrinsics=table["K"],
        world_from_camera=table["T_world_cam"],
        image=tuple(str(image) or None for image in table["image"]),
    )


def _track(source: str, name: str, table: TableColumns, number: AnyArray) -> PersonTrack:
    row = np.searchsorted(number, table["frame"])
    known = np.isin(table["frame"], number)
    if not known.all():
        lost = table["frame"][int(np.argmin(known))]
        raise ConvertError(f"{source}: person {name!r} is in frame {lost}, which the table of frames does not have")
    columns = ("pose", "betas", "confidence", "bbox")
    return PersonTrack(
        id=name,
        frame=row.astype(np.int64),
        transl=table["transl_cam"].astype(np.float64),
        joints=table["joints_cam"].astype(np.float64),
        is_occluded=table["is_occluded"],
        landmarks=table["landmarks_px"].astype(np.float64),
        visibility=table["landmark_visibility"].astype(np.float64),
        **{column: table[column].astype(np.float64) for column in columns},
    )
