"""The annotation folder between runs: who writes it, which shards are there, and what the manifest says."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import metrichmsr_ros
from metrichmsr_ros.annotation.depth_tar import depth_path
from metrichmsr_ros.annotation.inputs import InputSource
from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions
from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.tasks import ShardTask
from metrichmsr_ros.data.formats.annotations.manifest import NAME as MANIFEST
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.own_files import TABLES, own_shards, remove_tables
from metrichmsr_ros.data.formats.annotations.schema import VERSION, arrow
from metrichmsr_ros.data.formats.annotations.shard_writer import table_path
from metrichmsr_ros.io.texts import escaped
from metrichmsr_ros.io.whole_files import PART, remove_parts
from metrichmsr_ros.replay.provenance import code_hash

_SUFFIXES = {"people": ".parquet", "frames": ".parquet", "depth": ".tar"}
_LOCK = ".lock"
Outcomes = dict[ShardTask, ShardOutcome]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """The only run that writes `folder`; half-written files of killed runs are removed.

    Raises:
        AnnotateError: another run writes it, or it holds files of another origin.
        AnnotationError: its manifest cannot be read, or is not of an annotation.
        OSError: it cannot be written to.
    """
    _check_origin(folder)
    for name in _SUFFIXES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it when the process is killed
        except BlockingIOError:
            raise AnnotateError(f"another `metrichmsr annotate` writes {folder}; wait for it, or stop it") from None
        except OSError:
            pass  # a network file system without locks
        _remove_parts(folder)
        try:
            yield
        finally:
            _remove_parts(folder)  # of workers that died


def _check_origin(folder: Path) -> None:
    """Raise AnnotateError if the folder has files that an annotation did not write, or that it may not have written."""
    if is_ours := (folder / MANIFEST).is_file():  # it is written before the first shard
        Manifest.read(folder)
    for name, suffix in _SUFFIXES.items():
        for path in sorted((folder / name).iterdir()) if (folder / name).is_dir() else ():
            if path.suffix == PART and path.is_file():
                continue
            if path.suffix != suffix or not path.is_file():
                raise AnnotateError(f"{path} is not from an annotation; choose another --out")
            if not is_ours:
                text = f"{folder} has no {MANIFEST}, so that {path} is not known to be from an annotation"
                raise AnnotateError(f"{text}; choose another --out, or move the file away")


def _remove_parts(folder: Path) -> None:
    for place in (folder, *(folder / name for name in _SUFFIXES)):
        remove_parts(place)


def earlier_manifest(folder: Path, made_with: dict[str, Any], fresh: bool) -> Manifest | None:
    """The manifest of the runs before, if there is one; with `fresh`, none, and their shards are deleted.

    Raises:
        AnnotateError: it was made with other options or by other code, or has refined recordings.
        AnnotationError: it cannot be read, or is not of an annotation.
    """
    if not (folder / MANIFEST).is_file():
        return None
    found = Manifest.read(folder)
    if "refined" in found.options:
        raise AnnotateError(f"{folder} has recordings that `metrichmsr refine` wrote; choose another --out")
    if fresh:
        named = {shard for entry in found.inputs for shard in entry.shards}
        for shard in named.union(*(own_shards(folder, table) for table in TABLES)):
            _remove(folder, shard)
        return None
    changed = [name for name, value in made_with.items() if found.options.get(name) != value]
    if changed:
        name = changed[0]
        text = f"{folder} was annotated with {name} {found.options.get(name)}, not {made_with[name]}"
        if name == "code_sha256":
            text = f"{folder} was annotated by another version of this package"
        raise AnnotateError(f"{text}; choose another --out, or --fresh to annotate everything again")
    return found


def check_same_inputs(
    earlier: Manifest | None, sources: Sequence[InputSource], tasks: Sequence[ShardTask], done: Outcomes
) -> None:
    """Refuse inputs that would replace others of the same name.

    An input may have been moved: then everything of it is done, of the same files.

    Raises:
        AnnotateError: an earlier run annotated another input of the same name.
    """
    known = {entry.source: Path(entry.path) for entry in (earlier.inputs if earlier else ()) if entry.shards}
    changed = {task.source.name for task in tasks if task not in done}
    moved = {task.source.name for task in tasks} - changed
    for source in sources:
        before = known.get(source.name)
        if before is not None and source.name not in moved and _place(before) != _place(source.path):
            raise AnnotateError(
                f"{source.path.absolute()} has the name {source.name!r} of {before.absolute()}, which was annotated "
                "before; choose another --out, or give both in one command with --fresh"
            )


def _place(path: Path) -> str:
    return escaped(path.resolve().as_posix())


def made_with(options: AnnotateOptions) -> dict[str, Any]:
    """What all shards of a folder have in common: the options, the files that they name, and the code."""
    named = [options.preset, options.body.removeprefix("smpl:")]
    files = {name: [Path(name).stat().st_size, Path(name).stat().st_mtime_ns] for name in named if Path(name).is_file()}
    return {**options.of_results, "model_files": files, "code_sha256": code_hash()}


def done_before(folder: Path, task: ShardTask, with_depth: bool) -> ShardOutcome | None:
    """The outcome of an earlier run of the same task, if its shard is there and its input has not changed."""
    paths = [table_path(folder, table, task.shard) for table in TABLES]
    paths += [depth_path(folder, task.shard)] if with_depth else []
    if not all(path.is_file() for path in paths):
        return None
    pa = arrow()
    try:
        people, frames = (pa.parquet.read_metadata(path) for path in paths[:2])
    except (OSError, ValueError):
        return None
    about = {key.decode(): value.decode() for key, value in (frames.metadata or {}).items()}
    if about.get("schema") != VERSION or about.get("fingerprint") != task.fingerprint:
        return None
    cause = about.get("problem", "")
    return ShardOutcome(
        "damaged" if cause else "done", cause, frames.num_rows, people.num_rows, about["body_model"],
        about["weights_sha256"], skipped=True,
    )  # fmt: skip


def entries(sources: Sequence[InputSource], outcomes: Outcomes) -> list[InputEntry]:
    """The entry of every source."""
    of_source: dict[str, list[tuple[ShardTask, ShardOutcome]]] = {}
    for task, outcome in outcomes.items():
        of_source.setdefault(task.source.name, []).append((task, outcome))
    return [_entry(source, of_source.get(source.name, [])) for source in sources]


def _entry(source: InputSource, found: list[tuple[ShardTask, ShardOutcome]]) -> InputEntry:
    entry = InputEntry(source.name, source.kind, escaped(source.path.absolute().as_posix()))
    if source.kind == "none":
        return replace(entry, state="failed", cause=source.cause)
    found = sorted(found, key=lambda pair: pair[0].part)
    if not found:
        return entry
    shards = tuple(task.shard for task, outcome in found if outcome.state != "failed")
    causes = "; ".join(dict.fromkeys(outcome.cause for _, outcome in found if outcome.cause))
    if len(found) < found[0][0].parts:
        return replace(entry, state="waiting", cause=causes, shards=shards)
    return replace(
        entry, state="done" if not causes else "damaged" if shards else "failed", cause=causes, shards=shards
    )


def write_manifest(
    folder: Path, options: dict[str, Any], earlier: Manifest | None, sources: Sequence[InputSource], outcomes: Outcomes
) -> Manifest:
    """Write the manifest: inputs of earlier runs are kept, those of this run replace them."""
    fresh = {entry.source: entry for entry in entries(sources, outcomes)}
    before = {entry.source: entry for entry in earlier.inputs} if earlier else {}
    known = [outcome for outcome in outcomes.values() if outcome.body_model]
    body = known[0].body_model if known else (earlier.body_model if earlier else "")
    weights = known[0].weights_sha256 if known else (earlier.weights_sha256 if earlier else "")
    manifest = Manifest(
        metrichmsr_ros.__version__, weights, str(options["preset"]), body, options, tuple({**before, **fresh}.values())
    )
    manifest.write(folder)
    return manifest


def remove_stale(folder: Path, earlier: Manifest | None, tasks: Sequence[ShardTask]) -> None:
    """Delete shards that the same sources had in another cut, and tables whose frames are missing."""
    planned = {task.shard for task in tasks}
    names = {task.source.name for task in tasks}
    stale = {
        shard
        for entry in (earlier.inputs if earlier else ())
        if entry.source in names
        for shard in entry.shards
        if shard not in planned
    }
    for shard in stale:
        _remove(folder, shard)
    for shard in own_shards(folder, "people") - own_shards(folder, "frames"):
        _remove(folder, shard)


def _remove(folder: Path, shard: str) -> None:
    remove_tables(folder, shard)
    with suppress(FileNotFoundError):
        depth_path(folder, shard).unlink()
