"""Find what there is to annotate: photographs, videos, bags, tars, folders and lists of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from metrichmsr_ros.annotation.options import AnnotateError
from metrichmsr_ros.data.formats.annotations.manifest import is_annotation_folder
from metrichmsr_ros.io.texts import escaped
from metrichmsr_ros.ros.bags.locate import SUFFIXES as BAGS
from metrichmsr_ros.ros.bags.locate import is_bag

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif")
UNREAD = (".heic", ".heif", ".jxl", ".gif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")  # pictures
VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"),
    *(".wmv", ".flv", ".ts", ".mts", ".3gp", ".ogv"),
)
TARS = (".tar", ".tar.gz", ".tgz")
LISTS = (".txt", ".list")
InputKind = Literal["photographs", "video", "bag", "tar", "none"]


@dataclass(frozen=True)
class InputSource:
    """One input, to which shards and ids belong.

    Attributes:
        name: in the tables and the manifest; unique.
        kind: what it is; none: nothing that can be annotated, for the reason in `cause`.
        path: where it is.
        files: of photographs: the files, in order.
        cause: why it cannot be annotated.
    """

    name: str
    kind: InputKind
    path: Path
    files: tuple[Path, ...] = ()
    cause: str = ""


def find_sources(inputs: Sequence[str], out: Path | None = None) -> list[InputSource]:
    """Everything that the inputs name, in their order; what is named twice counts once.

    Args:
        inputs: paths of photographs, videos, bags, tars and folders of them. `@FILE`, and files that end in .txt, are
            lists of such paths, one a line, relative to the list; empty lines and lines from # on are left out.
        out: folder of the results. It is left out of the folders that it is in, as other annotation folders are.

    Raises:
        AnnotateError: nothing is given, a list cannot be read, or an input is `out` itself.
    """
    found = [source for given in inputs for source in _of_input(given, None if out is None else out.resolve())]
    if not found:
        raise AnnotateError(f"{', '.join(inputs) or 'no input'}: nothing is named to annotate")
    once = {source.path.absolute(): source for source in reversed(found)}
    sources = [source for source in found if once.pop(source.path.absolute(), None) is not None]
    of_folders = {file.absolute() for source in sources for file in source.files if file != source.path}
    sources = [source for source in sources if source.path.absolute() not in of_folders]
    names = Counter(source.name for source in sources)
    return [
        _with_plain_name(source if names[source.name] == 1 else replace(source, name=_whole_path(source)))
        for source in sources
    ]


def _whole_path(source: InputSource) -> str:
    return source.path.absolute().as_posix()


def _with_plain_name(source: InputSource) -> InputSource:
    name = escaped(source.name)
    if name == source.name and escaped(str(source.path)) == str(source.path):
        return source
    cause = source.cause or f"the name {escaped(str(source.path))} is not UTF-8; rename it"
    return InputSource(name, "none", source.path, cause=cause)


def _of_input(given: str, out: Path | None) -> Iterator[InputSource]:
    if not given.startswith("@") and not given.lower().endswith(LISTS):
        yield from _at(Path(given), given, out)
        return
    path = Path(given.removeprefix("@")).expanduser()
    for line in _lines(path):
        yield from _at(path.parent / Path(line).expanduser(), line, out)


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise AnnotateError(f"the list {path} cannot be read ({error}); give a text file of one path a line") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _at(path: Path, name: str, out: Path | None) -> Iterator[InputSource]:
    try:
        is_there = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        yield InputSource(name, "none", path, cause=f"cannot be opened ({error.strerror}); check the path")
        return
    if not is_there:
        yield InputSource(name, "none", path, cause="does not exist; check the path")
    elif path.is_dir() and not is_bag(path):
        if path.resolve() == out:
            raise AnnotateError(f"--out {path} is also an input; choose another --out")
        yield from _below(path, name, out)
    else:
        yield _single(path, name) or InputSource(name, "none", path, cause=_unknown(path))


def _unknown(path: Path) -> str:
    if path.suffix.lower() in UNREAD:
        return _unread(path.suffix.lower(), 1)
    kinds = " ".join((*IMAGES, *VIDEOS, *TARS, *BAGS))
    return f"the suffix {path.suffix or '(none)'} is of no photograph, video, bag or tar; known are {kinds}"


def _unread(suffix: str, files: int) -> str:
    pictures = "a picture" if files == 1 else f"{files} pictures"
    return f"{pictures} of the suffix {suffix}, which is not read here; write JPEG, PNG or TIFF files of them"


def _single(path: Path, name: str) -> InputSource | None:
    if path.is_dir():
        return InputSource(name, "bag", path)
    suffixes: dict[InputKind, tuple[str, ...]] = {"photographs": IMAGES, "video": VIDEOS, "tar": TARS, "bag": BAGS}
    kinds = [kind for kind, ends in suffixes.items() if path.name.lower().endswith(ends)]
    if not kinds:
        return None
    return InputSource(name, kinds[0], path, (path,) if kinds[0] == "photographs" else ())


def _below(folder: Path, name: str, out: Path | None) -> Iterator[InputSource]:
    """The sources in a folder; photographs beside each other are one source."""
    if is_annotation_folder(folder):
        yield InputSource(name, "none", folder, cause="is an annotation folder; name what it was made from")
        return
    found = list(_walk(folder, lambda path: path.relative_to(folder).as_posix(), out))
    if not found:
        yield InputSource(name, "none", folder, cause="holds no photograph, video, bag or tar")
    for source in found:
        if source.path == folder or (source.kind == "none" and source.path.parent == folder):
            yield replace(source, name=(Path(folder.resolve().name) / source.name).as_posix())
        else:
            yield source


def _walk(folder: Path, named: Callable[[Path], str], out: Path | None) -> Iterator[InputSource]:
    entries = sorted(Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith("."))
    photographs = []
    unread = Counter[str]()
    for path in entries:
        if path.is_symlink() and path.is_dir() and folder.resolve().is_relative_to(path.resolve()):
            continue  # it leads back to a folder that it is in
        if path.is_dir() and (path.resolve() == out or is_annotation_folder(path)):
            continue  # its depth and pictures are results
        if path.is_dir() and not is_bag(path):
            yield from _walk(path, named, out)
        elif (source := _single(path, named(path))) is not None:
            if source.kind == "photographs":
                photographs.append(path)
            else:
                yield source
        elif path.suffix.lower() in UNREAD:
            unread[path.suffix.lower()] += 1
    for suffix, files in unread.items():
        pattern = folder / f"*{suffix}"
        yield InputSource(named(pattern), "none", pattern, cause=_unread(suffix, files))
    if photographs:
        yield InputSource(named(folder), "photographs", folder, tuple(photographs))
