"""`metrichmsr predict`: estimates the people of one photograph; writes overlay, JSON and meshes in metres."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from metrichmsr_ros.cli.output_files import refuse_existing, refuse_inputs
from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.camera_options import CameraOptions, Intrinsics
from metrichmsr_ros.hmr.camera_estimator import CameraEstimator
from metrichmsr_ros.io.image_header import MAX_PIXELS
from metrichmsr_ros.io.images import (
    ImageDataError,
    ImageTooLargeError,
    Photograph,
    read_photograph,
    write_image,
)
from metrichmsr_ros.io.texts import is_json_with, json_text
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene
from metrichmsr_ros.visual.overlay import draw_overlay, person_colour
from metrichmsr_ros.visual.point_cloud import cloud_view, depth_colours

# Optical frame (y down, z forward) to glTF's (y up, z backward).
_GLTF_FROM_OPTICAL = np.diag([1.0, -1.0, -1.0])


class InputError(MetricHMRError, ValueError):
    """Invalid user input; the message names the input and the remedy."""


@dataclass(frozen=True)
class PredictionFiles:
    """Files written by `predict_photo`."""

    overlay: Path
    numbers: Path
    mesh: Path | None  # None if nobody was detected


def load_photo(path: Path, max_pixels: int = MAX_PIXELS) -> Photograph:
    """Read an image, rotated according to its EXIF; `max_pixels` limits its size.

    Raises:
        InputError: `path` is not a readable file, not an image that OpenCV can read, a truncated JPEG, or an image
            that is too large; or `max_pixels` is less than 1.
    """
    if max_pixels < 1:
        raise InputError(f"--max-pixels {max_pixels}: give at least 1")
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the path of a photograph (JPEG, PNG, ...)")
    try:
        return read_photograph(path, max_pixels)
    except ImageTooLargeError as error:
        raise InputError(f"{path}: {error} (--max-pixels)") from None
    except ImageDataError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def read_photo(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, upright as its EXIF says. Arguments and errors as for `load_photo`."""
    return load_photo(path, max_pixels).image


def photo_camera(
    image: NDArray[np.uint8],
    fov_deg: float | None,
    intrinsics: Intrinsics | None,
    estimator: CameraEstimator | None = None,
    orientation: int = 1,
) -> Camera:
    """The camera of a photograph: from `intrinsics` (fx, fy, cx, cy), else the horizontal `fov_deg`, else estimated.

    Args:
        image: (H, W, 3), upright.
        fov_deg: horizontal field of view of the upright image, degrees.
        intrinsics: of the pixels as they are stored.
        estimator: by default `CameraEstimator.load()`: AnyCalib if it is installed, else the paper's fallback, focal
            length = long side, principal point = image centre. `Camera.source` names the method.
        orientation: EXIF orientation of the stored pixels, 1 to 8.

    Raises:
        CameraError: a value is not finite, not positive or out of range.
    """
    options = CameraOptions.from_degrees(fov_deg, intrinsics)
    if options:
        return options.camera(image.shape[1], image.shape[0], orientation)
    return (estimator or CameraEstimator.load()).estimate(image)


def predict_photo(
    pipeline: Pipeline,
    photo: Path,
    out: Path,
    fov_deg: float | None,
    intrinsics: Intrinsics | None,
    max_pixels: int = MAX_PIXELS,
) -> tuple[Scene, PredictionFiles]:
    """Run `pipeline` on one photograph and write overlay PNG, JSON and GLB under `out`.

    Raises:
        InputError: as `load_photo`.
        ReplacedFileError: as `check_results`.
        CameraError: as `photo_camera`.
    """
    check_results(photo, out)
    found = load_photo(photo, max_pixels)
    camera = photo_camera(found.image, fov_deg, intrinsics, orientation=found.orientation)
    scene = pipeline.estimate(found.image, camera)
    return scene, write_prediction(scene, pipeline, photo, out)


def check_results(photo: Path, out: Path, depth: str | None = None) -> None:
    """Refuse results that would replace the photograph, its depth file or a file of another origin.

    Args:
        photo: the photograph.
        out: folder of the results.
        depth: source of the depth that will be written too, e.g. `file:PATH`.

    Raises:
        ReplacedFileError: there is such a file; the message names it.
    """
    numbers, overlay, mesh = _result_files(photo, out)
    results = [numbers, overlay, mesh]
    depth_files = [] if depth is None else _depth_files(photo, out)
    file = Path(depth.removeprefix("file:")) if depth is not None and depth.startswith("file:") else None
    refuse_inputs((photo, file), [*results, *depth_files])
    if not is_json_with(numbers, ("image", "intrinsics_source", "people")):
        refuse_existing([*results, *depth_files], "predict")
    elif depth_files and not depth_files[0].exists():  # a sensor's depth may have been put there
        refuse_existing(depth_files, "predict --depth")


def _result_files(photo: Path, out: Path) -> tuple[Path, Path, Path]:
    """Numbers, overlay and mesh; the numbers are written first, because they show whose files these are."""
    return out / f"{photo.stem}.json", out / f"{photo.stem}_overlay.png", out / f"{photo.stem}.glb"


def _depth_files(photo: Path, out: Path) -> tuple[Path, Path, Path]:
    """Point cloud, figure and millimetres; the cloud is written first, because it shows whose files these are."""
    return out / f"{photo.stem}_scene.ply", out / f"{photo.stem}_scene.png", out / f"{photo.stem}_depth.png"


def write_prediction(scene: Scene, pipeline: Pipeline, photo: Path, out: Path) -> PredictionFiles:
    """Write `<photo stem>_overlay.png`, `<stem>.json` and, with people, `<stem>.glb` under `out`.

    An earlier GLB is removed where nobody was found.
    """
    out.mkdir(parents=True, exist_ok=True)
    numbers, overlay, mesh = _result_files(photo, out)
    write_whole(numbers, json_text(scene_as_json(scene, pipeline, photo), indent=1) + "\n")
    write_image(overlay, draw_overlay(scene, pipeline.faces))
    if not scene.people:
        mesh.unlink(missing_ok=True)
        return PredictionFiles(overlay, numbers, None)
    _write_glb(scene.people, pipeline.faces, mesh)
    return PredictionFiles(overlay, numbers, mesh)


def write_depth(scene: Scene, faces: NDArray[np.int64], photo: Path, out: Path) -> list[Path]:
    """Write `<photo stem>_depth.png` (16-bit, millimetres, 0 unknown), `<stem>_scene.png` and `<stem>_scene.ply`."""
    import trimesh

    cloud, picture, millimetres = _depth_files(photo, out)
    known = np.isfinite(scene.depth.metres)
    stored = np.where(known, np.clip(np.nan_to_num(scene.depth.metres) * 1000, 0, 65535), 0)
    v, u = np.nonzero(known)
    points = scene.camera.back_project(np.stack([u, v], axis=-1), scene.depth.metres[v, u])
    content = trimesh.PointCloud(points @ _GLTF_FROM_OPTICAL, scene.image[v, u]).export(file_type="ply")
    write_whole(cloud, content)
    write_image(picture, draw_scene(scene, faces))
    write_image(millimetres, np.rint(stored).astype(np.uint16))
    return [millimetres, picture, cloud]


def draw_scene(scene: Scene, faces: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(H, 3 W, 3) uint8 RGB: body overlay, depth as colour, and the point cloud with the bodies from the side."""
    bodies = [person.vertices_cam for person in scene.people]
    colours = [person_colour(person.id) for person in scene.people]
    cloud = cloud_view(scene.image, scene.depth.metres, scene.camera, bodies, faces, colours)
    return np.hstack([draw_overlay(scene, faces), depth_colours(scene.depth.metres), cloud])


def scene_as_json(scene: Scene, pipeline: Pipeline, photo: Path) -> dict[str, Any]:
    """A scene as JSON values: metres, radians, optical frame; the vertices are in the mesh file."""
    camera = scene.camera
    return {
        "image": photo.name,
        "size": [camera.width, camera.height],
        "intrinsics": camera.intrinsics.tolist(),
        "intrinsics_source": camera.source,
        "frame": "camera optical: x right, y down, z forward; metres, radians",
        "body_model": pipeline.body.name,
        "views": list(pipeline.single_image_views),
        "joint_names": list(pipeline.body.joint_names),
        "people": [_person_as_json(person) for person in scene.people],
    }


def _person_as_json(person: PersonEstimate) -> dict[str, Any]:
    return {
        "id": person.id,
        "confidence": round(person.confidence, 4),
        "bbox": _rounded(person.bbox, 1),
        "betas": _rounded(person.betas),
        "pose": _rounded(person.pose),
        "translation": _rounded(person.transl_cam),
        "translation_sigma": _rounded(np.sqrt(np.diag(person.transl_cov))),
        "distance": round(float(np.linalg.norm(person.transl_cam)), 4),
        "height": round(person.height, 4),
        "joints": _rounded(person.joints_cam),
        "joint_confidence": _rounded(person.joint_confidence, 4),
        "joint_covariances": _rounded(person.joint_cov, 7),
        "orientation_covariance": _rounded(person.orientation_cov, 7),
        "gestures": list(person.gestures),
        "pointing": _rounded(person.pointing_cam) if person.pointing_cam.any() else None,
    }


def people_table(scene: Scene) -> Table:
    """Table with one row per person: position, height and confidence."""
    camera = scene.camera
    title = f"{len(scene.people)} people; focal length {camera.intrinsics[0, 0]:.0f} px ({camera.source})"
    table = Table("id", "distance (m)", "x, y, z (m)", "height (m)", "confidence", title=title)
    for person in scene.people:
        distance, position = np.linalg.norm(person.transl_cam), ", ".join(f"{v:.2f}" for v in person.transl_cam)
        table.add_row(person.id, f"{distance:.2f}", position, f"{person.height:.2f}", f"{person.confidence:.2f}")
    return table


def depth_line(depth: SceneDepth) -> str:
    """Source, calibration, problem and assumption of a scene's depth in one line."""
    calibrated = f"calibrated by {depth.calibration}" if depth.is_calibrated else "not calibrated"
    problem = depth.problem or depth.calibration_problem or depth.assumption
    return f"depth: {depth.source}, {calibrated}" + (f"; {problem}" if problem else "")


def _rounded(values: NDArray[Any], digits: int = 5) -> Any:
    return np.round(values.astype(np.float64), digits).tolist()


def _write_glb(people: list[PersonEstimate], faces: NDArray[np.int64], path: Path) -> None:
    import trimesh

    meshes = trimesh.Scene()
    for person in people:
        colour = np.append(person_colour(person.id), 255).astype(np.uint8)
        material = trimesh.visual.material.PBRMaterial(baseColorFactor=colour, metallicFactor=0.0, roughnessFactor=0.8)
        mesh = trimesh.Trimesh(person.vertices_cam @ _GLTF_FROM_OPTICAL, faces, process=False)
        mesh.visual = trimesh.visual.TextureVisuals(material=material)
        meshes.add_geometry(mesh, geom_name=person.id, node_name=person.id)
    write_whole(path, meshes.export(file_type="glb"))
