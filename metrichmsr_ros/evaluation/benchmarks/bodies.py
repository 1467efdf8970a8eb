"""The body models of public data sets, from licensed files that the user provides: SMPL and SMPL-X by gender."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.smplx_joints import SmplxJoints
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.io.texts import TextFileError, read_json

AnyBody = TypeVar("AnyBody")


def smpl_by_gender(folder: Path | None) -> dict[str, BodyModel]:
    """SMPL_MALE, SMPL_FEMALE and, if present, SMPL_NEUTRAL (.npz or .pkl) of a folder.

    Raises:
        LabelError: no folder is given, a body is missing or unreadable, or `smplx` is not installed.
    """
    return _by_gender(folder, "smpl", (".npz", ".pkl"), lambda file: load_body(f"smpl:{file}"))


def smplx_by_gender(folder: Path | None) -> dict[str, SmplxJoints]:
    """SMPLX_MALE.npz and SMPLX_FEMALE.npz of a folder; raises what :func:`smpl_by_gender` raises."""
    return _by_gender(folder, "smplx", (".npz",), SmplxJoints)


def read_genders(file: Path) -> dict[str, str]:
    """RICH's `gender.json`: subject -> "male" or "female".

    Raises:
        LabelError: the file is missing or has another content.
    """
    if not file.is_file():
        raise LabelError(f"{file} is missing; name RICH's gender.json (part of its rich_toolkit) with --genders")
    try:
        genders = read_json(file)
    except TextFileError as error:
        raise LabelError(str(error)) from None
    if not isinstance(genders, dict) or not all(value in ("male", "female") for value in genders.values()):
        raise LabelError(f'{file} must hold an object like {{"9": "female", "11": "male"}}')
    return genders


def _by_gender(
    folder: Path | None, model: str, suffixes: tuple[str, ...], load: Callable[[Path], AnyBody]
) -> dict[str, AnyBody]:
    name = model.upper()
    if folder is None:
        raise LabelError(
            f"--{model} is missing; name the folder with {name}_MALE and {name}_FEMALE, the bodies of the truth"
        )
    bodies = {}
    for gender in ("male", "female", "neutral"):
        files = [folder / f"{name}_{gender.upper()}{suffix}" for suffix in suffixes]
        found = [file for file in files if file.is_file()]
        if found:
            bodies[gender] = _loaded(found[0], load)
    if not {"male", "female"} <= bodies.keys():
        raise LabelError(f"{folder} lacks {name}_MALE or {name}_FEMALE ({' or '.join(suffixes)})")
    return bodies


def _loaded(file: Path, load: Callable[[Path], AnyBody]) -> AnyBody:
    try:
        return load(file)
    except (ValueError, ImportError) as error:  # another kind of file, or a missing extra
        raise LabelError(str(error)) from error
