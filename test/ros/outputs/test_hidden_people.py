"""People who are predicted, not seen: marked or absent in every topic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import make_person
from helpers.ros_messages import make_header

from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros.outputs.clouds import body_points_message, clearing_points_message
from metrichmsr_ros.ros.outputs.markers import HIDDEN_ALPHA, markers_message, mesh_markers_message
from metrichmsr_ros.ros.outputs.people import bodies_of, body_transforms
from metrichmsr_ros.ros.outputs.standard import costmap_people, detections, poses
from metrichmsr_ros.visual.overlay import draw_overlay

HEADER = make_header(12.5)
FACES = np.array([[0, 1, 2]])


@pytest.fixture
def scene():
    camera = Camera.from_fov(64, 48, 1.0)
    people = [make_person("a1", is_occluded=True), make_person("b2", seed=1)]
    return Scene(12.5, camera, np.zeros((48, 64, 3), np.uint8), people, SceneDepth.not_requested(camera))


@pytest.fixture
def bodies(scene):
    return bodies_of(scene)


def test_topics_that_cannot_mark_anybody_leave_the_hidden_out(bodies):
    assert len(poses(bodies, HEADER).fields["poses"]) == 1
    assert [d.fields["id"] for d in detections(bodies, HEADER).fields["detections"]] == ["b2"]
    assert body_points_message(bodies, HEADER).width == len(bodies[1].person.vertices_cam)
    assert [t.fields["child_frame_id"] for t in body_transforms(bodies, HEADER)] == ["body_b2"]


def test_hidden_people_are_marked_where_they_are_predicted_inside_the_image(bodies, scene):
    both = body_points_message(bodies, HEADER, hidden_in=scene.camera)
    assert both.width == sum(len(body.person.vertices_cam) for body in bodies)
    beside = replace(bodies[0], origin=np.array([5.0, 0.0, 3.0]))
    assert body_points_message([beside, bodies[1]], HEADER, scene.camera).width == len(bodies[1].person.vertices_cam)


@pytest.mark.parametrize("keeps_hidden", [True, False])
def test_clearing_rays_end_before_hidden_people_unless_these_are_marked(bodies, scene, keeps_hidden):
    cloud = clearing_points_message(bodies, scene.camera, HEADER, keeps_hidden)
    points = np.frombuffer(cloud.data, np.float32).reshape(-1, 3)
    x, _, z = bodies[0].origin
    towards = np.abs(np.arctan2(points[:, 0], points[:, 2]) - np.arctan2(x, z)) < 0.02
    ranges = np.hypot(points[towards, 0], points[towards, 2])
    assert (ranges.max() < np.hypot(x, z)) == keeps_hidden


def test_people_for_costmaps_are_tagged(bodies):
    hidden, seen = costmap_people(bodies, HEADER).fields["people"]
    assert (hidden.fields["tagnames"], hidden.fields["tags"]) == (["is_occluded"], ["true"])
    assert (seen.fields["tagnames"], seen.fields["tags"]) == (["is_occluded"], ["false"])


@pytest.mark.parametrize("kind", ["skeletons", "meshes"])
def test_markers_of_the_hidden_are_transparent(bodies, kind):
    parents = np.array([-1, *range(23)])
    message = (
        markers_message(bodies, HEADER, parents) if kind == "skeletons" else mesh_markers_message(bodies, HEADER, FACES)
    )
    alphas = {round(marker.color.a, 3) for marker in message.markers[1:]}
    assert alphas == {HIDDEN_ALPHA, 1.0}


def test_the_overlay_does_not_draw_the_hidden(scene):
    hidden_only = Scene(12.5, scene.camera, scene.image, scene.people[:1], scene.depth)
    np.testing.assert_array_equal(draw_overlay(hidden_only, FACES), scene.image)
