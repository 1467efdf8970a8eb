"""`manifest.json` of an annotation folder: what made it, and every input with its state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from metrichmsr_ros.data.formats.annotations.schema import VERSION
from metrichmsr_ros.data.formats.annotations.shard_writer import is_shard_name
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.texts import TextFileError, read_json
from metrichmsr_ros.io.whole_files import whole_file

NAME = "manifest.json"
State = Literal["waiting", "done", "damaged", "failed"]


class AnnotationError(MetricHMRError, ValueError):
    """A folder that is not, or not wholly, an annotation folder; the message names it and the remedy."""


@dataclass(frozen=True)
class InputEntry:
    """One input.

    Attributes:
        source: its name, as in the tables.
        kind: image, video, bag, tar or folder.
        path: where it was, absolute; in older folders as it was given.
        state: waiting; done; damaged: a part of it was annotated; failed: nothing of it was.
        cause: of a damage or failure.
        shards: names of its complete shards, in order.
    """

    source: str
    kind: str
    path: str
    state: State = "waiting"
    cause: str = ""
    shards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What an annotation folder was made from and with.

    Attributes:
        package_version: of this package.
        weights_sha256: of the network; empty if unknown.
        preset: name or path of the network.
        body_model: name of the body that betas belong to.
        options: of the run.
        inputs: every input, in order.
        schema: version of the layout.
    """

    package_version: str
    weights_sha256: str
    preset: str
    body_model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[InputEntry, ...] = ()
    schema: str = VERSION

    def write(self, folder: Path) -> None:
        """Write `manifest.json` whole.

        Raises:
            OSError: `folder` cannot be written to.
        """
        with whole_file(folder / NAME) as part:
            part.write_text(json.dumps(asdict(self), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of an annotation folder.

        Raises:
            AnnotationError: there is none, or of another layout.
        """
        path = folder / NAME
        try:
            content = read_json(path)
            if content["schema"] != VERSION:
                raise AnnotationError(f"{path} has the layout {content['schema']}; this version reads {VERSION}")
            inputs = [InputEntry(**{**entry, "shards": tuple(entry["shards"])}) for entry in content["inputs"]]
            for shard in (shard for entry in inputs for shard in entry.shards):
                if not is_shard_name(shard):
                    raise AnnotationError(f"{path} names the shard {shard!r}, which no shard is called; copy it again")
            return cls(**{**content, "inputs": tuple(inputs)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, AnnotationError):
                raise
            text = f"{path} cannot be read ({error}); is {folder} the --out of `metrichmsr annotate`?"
            raise AnnotationError(text) from error


def is_annotation_folder(folder: Path) -> bool:
    """Whether a folder has a manifest of this package, of any version of the layout."""
    try:
        content = read_json(folder / NAME)
    except TextFileError:
        return False
    return isinstance(content, dict) and str(content.get("schema", "")).startswith(VERSION.partition("/")[0] + "/")
