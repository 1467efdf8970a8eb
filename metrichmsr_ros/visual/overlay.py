"""Overlay of the estimated bodies on their image, for visual inspection."""

from __future__ import annotations

import colorsys
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.mesh import vertex_normals
from metrichmsr_ros.geometry.raster import interpolate, rasterize
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene

_LIGHT_CAM = np.array([-0.35, -0.6, -0.72])  # direction to the light in camera axes: above left, behind the camera
_AMBIENT = 0.45
_OPACITY = 0.72
_LABEL_FONT = cv2.FONT_HERSHEY_SIMPLEX


def person_colour(person_id: str) -> NDArray[np.float64]:
    """(3,) RGB in 0..255, the same for one id in every frame and process."""
    hue = (zlib.crc32(person_id.encode()) * 0.61803398875) % 1.0
    return np.array(colorsys.hsv_to_rgb(hue, 0.55, 1.0)) * 255.0


def draw_overlay(scene: Scene, faces: NDArray[np.int64], labels: bool = True) -> NDArray[np.uint8]:
    """Shaded bodies of those who are seen over the (rectified) image, nearest in front, with id, distance and height.

    Args:
        scene: image, camera and people with `vertices_cam`.
        faces: (F, 3) triangles of every `vertices_cam`.
        labels: write "id  distance  height" above each person.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    canvas = scene.image.copy()
    seen = [person for person in scene.people if not person.is_occluded]
    for person in sorted(seen, key=lambda p: -float(p.transl_cam[2])):
        _draw_body(canvas, person, faces, scene.camera)
    if labels:
        for person in seen:
            _draw_label(canvas, person, scene.camera)
    return canvas


def _draw_body(canvas: NDArray[np.uint8], person: PersonEstimate, faces: NDArray[np.int64], camera: Camera) -> None:
    raster = rasterize(person.vertices_cam, faces, camera)
    covered = raster.face_id >= 0
    if not covered.any():
        return
    normals = interpolate(raster, faces, person.vertices_cam, vertex_normals(person.vertices_cam, faces))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    light = _LIGHT_CAM / np.linalg.norm(_LIGHT_CAM)
    shade = _AMBIENT + (1.0 - _AMBIENT) * np.clip(normals @ light, 0.0, 1.0)
    body = shade[:, None] * person_colour(person.id)
    canvas[covered] = (_OPACITY * body + (1.0 - _OPACITY) * canvas[covered]).astype(np.uint8)


def _draw_label(canvas: NDArray[np.uint8], person: PersonEstimate, camera: Camera) -> None:
    height, width = canvas.shape[:2]
    scale = max(0.4, min(1.2, width / 1400))
    distance = float(np.linalg.norm(person.transl_cam))
    text = f"{person.id}  {distance:.2f} m  height {person.height:.2f} m"
    (text_width, text_height), baseline = cv2.getTextSize(text, _LABEL_FONT, scale, 1)
    left, top = np.nanmin(camera.project(person.vertices_cam), axis=0)
    x = int(np.clip(left, 0, max(0, width - text_width)))
    y = int(np.clip(top - 2 * baseline, text_height + baseline, height - baseline))
    cv2.rectangle(canvas, (x, y - text_height - baseline), (x + text_width, y + baseline), (20, 20, 20), cv2.FILLED)
    cv2.putText(canvas, text, (x, y), _LABEL_FONT, scale, person_colour(person.id).tolist(), 1, cv2.LINE_AA)
