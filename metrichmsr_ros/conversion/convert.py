"""`metrichmsr convert`: an annotation folder or a replay's estimates, in the format of another program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from metrichmsr_ros.conversion.clock import timed
from metrichmsr_ros.conversion.file_names import check_pattern, source_names
from metrichmsr_ros.conversion.formats.write_labels import write_bedlam, write_coco
from metrichmsr_ros.conversion.formats.write_motions import (
    write_amass,
    write_bvh,
    write_glb,
    write_lerobot,
    write_tum_files,
)
from metrichmsr_ros.conversion.options import ConvertOptions, Format
from metrichmsr_ros.conversion.people import Job
from metrichmsr_ros.conversion.recording import ConvertError, Frames, SourceRecording, checked
from metrichmsr_ros.conversion.skin import body_spec
from metrichmsr_ros.conversion.sources.choose import Sources, find_sources
from metrichmsr_ros.conversion.written import Written, write_list
from metrichmsr_ros.io.texts import check_utf8
from metrichmsr_ros.io.whole_files import whole_folder

_Write = Callable[[Iterable[Job], ConvertOptions, Path], list[Written]]
_WRITERS: Mapping[Format, _Write] = {
    "bvh": write_bvh,
    "glb": write_glb,
    "amass": write_amass,
    "bedlam": write_bedlam,
    "coco": write_coco,
    "tum": write_tum_files,
    "lerobot": write_lerobot,
}
_OF_PICTURES = ("bedlam", "coco")


def convert(
    src: Path,
    to: Format,
    out: Path,
    options: ConvertOptions = ConvertOptions(),  # noqa: B008
    tell: Callable[[str], None] = lambda line: None,
) -> list[Written]:
    """Convert a source; returns the files that were written to `out`, also listed in `conversion.json`.

    Args:
        src: an annotation folder, the folder of a replay, or an `estimates.npz`.
        to: the format.
        out: a new or empty folder.
        options: see `ConvertOptions`.
        tell: takes a line for each source that is not, or not wholly, annotated; `conversion.json` has them too.

    Raises:
        ConvertError: an option, number or row that cannot be converted, nobody in the source, or files in `out`.
        MissingPackageError: the format needs an optional package.
    """
    if to in _OF_PICTURES and options.frame == "world":
        raise ConvertError(f"--frame world: {to} labels are those of pictures; leave --frame out")
    if out.is_dir() and any(out.iterdir()):
        raise ConvertError(f"--out {out}: the folder is not empty; name a new one")
    if to == "lerobot":
        check_utf8(ConvertError, f"--out {out}", "name another folder")  # for its Parquet files
    if options.image_names is not None:
        check_pattern(options.image_names)
    sources = find_sources(src, options.source)
    for line in sources.problems.values():
        tell(line)
    with whole_folder(out) as part:
        files = _WRITERS[to](_jobs(sources, options), options, part)
        if not files:
            why = "".join(f"; {line}" for line in list(sources.problems.values())[:1])
            lack = "frame" if to == "coco" else "person"
            raise ConvertError(f"{src} has no {lack}; there is nothing to convert to {to}{why}")
        about = {"source": str(src), "format": to, "options": asdict(options)}
        write_list(part, about | {"problems": list(sources.problems.values())}, files)
    return files


def _jobs(sources: Sources, options: ConvertOptions) -> Iterator[Job]:
    """The recordings, read one by one."""
    given: set[str] = set()
    for source, name in source_names(sources.names).items():
        read = sources.read(source)
        recording = prepared(read, options)
        if options.image_names is not None:
            _check_names(options.image_names, read.frames, recording.frames, given)
        if options.frame == "world":
            _check_world(recording)
        yield Job(recording, name)


def prepared(recording: SourceRecording, options: ConvertOptions) -> SourceRecording:
    """The recording, checked, with what the options add to it. Errors as `convert`."""
    recording = checked(recording)
    if options.body:
        recording = replace(recording, body=body_spec(recording, options.body).partition(":")[0])
    if options.as_body == "smpl" and recording.body != "smpl":
        kind = f"the body '{recording.body}'" if recording.body else "a body that its files do not name"
        raise ConvertError(
            f"--as smpl: the shapes of {recording.source} are of {kind}, and those are not SMPL's betas; leave --as "
            "out, or fit SMPL to the joints"
        )
    return timed(replace(recording, frames=_completed(recording, options)), options.fps)


def _completed(recording: SourceRecording, options: ConvertOptions) -> Frames:
    """The frames with cameras, sizes and pictures of the options where the source has none."""
    frames = recording.frames
    if options.intrinsics is not None:
        fx, fy, cx, cy = options.intrinsics
        if not (np.isfinite(options.intrinsics).all() and fx > 0 and fy > 0):
            raise ConvertError(f"--intrinsics {options.intrinsics}: needs finite numbers and fx, fy above 0")
        known = np.isfinite(frames.intrinsics).all((1, 2), keepdims=True)
        given = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
        frames = replace(frames, intrinsics=np.where(known, frames.intrinsics, given))
    if options.image_size is not None:
        if min(options.image_size) < 1:
            raise ConvertError(f"--image-size {options.image_size}: both sides must be at least 1 pixel")
        frames = replace(frames, size=np.where(frames.size > 0, frames.size, options.image_size))
    if options.image_names is not None:
        frames = replace(frames, image=tuple(_image_names(recording, options.image_names)))
    return frames


def _image_names(recording: SourceRecording, pattern: str) -> list[str]:
    frames = recording.frames
    rows = zip(frames.image, frames.number.tolist(), frames.stamp_ns.tolist(), strict=True)
    return [
        image if image is not None else pattern.format(source=recording.source, frame=number, stamp_ns=stamp)
        for image, number, stamp in rows
    ]


def _check_names(pattern: str, before: Frames, after: Frames, given: set[str]) -> None:
    """Refuse equal names of pictures; `given` are those of the recordings before, to which these are added."""
    for old, name in zip(before.image, after.image, strict=True):
        if old is None and name is not None:
            if name in given:
                raise ConvertError(
                    f"--image-names {pattern!r}: two frames get the name {name!r}; use {{frame:06d}} or {{stamp_ns}}, "
                    "and {source} where there are several"
                )
            given.add(name)


def _check_world(recording: SourceRecording) -> None:
    """Raise ConvertError if people are seen and no frame with them has the camera's pose."""
    seen = [track.frame for track in recording.tracks]
    if seen and not np.isfinite(recording.frames.world_from_camera[np.concatenate(seen)]).all((1, 2)).any():
        raise ConvertError(
            f"--frame world: {recording.source} does not have the camera's poses; leave --frame out, or choose others "
            "with --source"
        )
