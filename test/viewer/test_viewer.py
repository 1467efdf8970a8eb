"""The viewer over viser: nodes for everything of a frame, a panel that acts, a page that a client receives."""

from __future__ import annotations

import socket
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.conversion.moving_people import moving_person
from benchmarks.view import received
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.viewer.frames import PointCloud, ViewFrame, ViewPerson, jpeg_of
from metrichmsr_ros.viewer.options import ViewError
from metrichmsr_ros.viewer.server import link, start_server
from metrichmsr_ros.viewer.sources.source import ViewSource
from metrichmsr_ros.viewer.viewer import Viewer

pytest.importorskip("viser", reason="the viewer needs the extra `view`")
PARTS = ("body", "bones", "joints", "label", "uncertainty")
CAMERA = Camera.from_fov(64, 48, 1.0)


def people(index: int) -> tuple[ViewPerson, ...]:
    """p1 in every frame, p2 in even ones."""
    found = [moving_person(name, range(4), seed) for name, seed in (("p1", 1), ("p2", 2))][: 2 - index % 2]
    return tuple(
        ViewPerson(p.id, 0.9, False, p.pose[index], p.betas[index], p.transl[index], p.joints[index], np.eye(3) * 0.01)
        for p in found
    )


def frames(count: int = 4):
    cloud = PointCloud(np.full((5, 3), 2.0, np.float32), np.full((5, 3), 9, np.uint8))
    picture = jpeg_of(np.full((48, 64, 3), 128, np.uint8))
    return (ViewFrame(i, i / 10, people(i), CAMERA, picture, cloud=cloud) for i in range(count))


@pytest.fixture
def server():
    found = start_server("127.0.0.1", 0)
    yield found
    found.stop()


@pytest.fixture
def viewer(server):
    found = Viewer(server, ViewSource("walk.mp4", frames(), "open_light", True), 9, load_body_engine)
    found.timeline.fill(found._source.frames)
    return found


def nodes(server) -> set[str]:
    return set(server.scene._handle_from_node_name)


def test_a_frame_is_in_the_scene_and_the_next_takes_its_place(server, viewer):
    viewer.step(0.0)
    assert nodes(server) >= {f"/people/{name}/{part}" for name in ("p1", "p2") for part in PARTS}
    assert nodes(server) >= {"/camera", "/cloud", "/floor"}
    before = viewer._nodes._people["p1"]._nodes["body"].vertices.copy()
    viewer.step(0.11)
    assert viewer.player.index == 1
    assert not any(name.startswith("/people/p2/") for name in nodes(server))
    assert "/people/p1/path" in nodes(server)
    assert np.abs(viewer._nodes._people["p1"]._nodes["body"].vertices - before).max() > 0.01
    assert "| p1 |" in viewer._panel._people.content
    assert viewer._panel._slider.value == 1
    assert "0.10 s, frame 2 of 4" in viewer._panel._status.content


def test_a_page_receives_the_bodies(server, viewer):
    viewer.step(0.0)
    wanted = {f"/people/{name}/{part}" for name in ("p1", "p2") for part in PARTS} | {"/camera", "/floor"}
    page = received(server.get_port(), lambda found: wanted <= found.keys())
    assert page["/people/p1/label"]["props"]["text"].startswith("p1: ")
    assert page["/people/p1/body"]["type"] == "MeshMessage"


def test_the_panel_acts(server, viewer):
    viewer.step(0.0)
    put = viewer._panel.actions.put
    put(("play", False))
    put(("seek", 2))
    put(("show", ("bodies", False)))
    viewer.step(50.0)
    assert viewer.player.index == 2
    assert not viewer._nodes._people["p1"]._nodes["body"].visible
    assert viewer._nodes._people["p1"]._nodes["joints"].visible
    put(("show", ("bodies", True)))
    put(("show", ("picture", False)))
    put(("speed", 4.0))
    viewer.step(60.0)
    assert viewer._nodes._people["p1"]._nodes["body"].visible
    assert viewer._nodes._nodes["camera"].image is None
    assert viewer.player.speed == 4.0


def test_what_a_user_does_with_a_widget_is_an_action_and_what_the_program_does_is_not(viewer):
    slider = viewer._panel._slider
    for client, seen in ((None, []), (object(), [("seek", 3)])):
        event = SimpleNamespace(client=client, target=SimpleNamespace(value=3))
        for callback in slider._impl.update_cb:
            callback(event)
        actions = viewer._panel.actions
        assert [actions.get_nowait() for _ in range(actions.qsize())] == seen


def click(viewer, at) -> None:
    """A click from far above the scene's origin on a point (3,)."""
    eye = np.array([0.0, 0.0, 30.0])
    viewer._clicked(SimpleNamespace(ray_origin=tuple(eye), ray_direction=tuple((at - eye) / np.linalg.norm(at - eye))))


def test_the_ruler_measures_between_two_clicks(server, viewer):
    viewer.step(0.0)
    floor = viewer._drawn.floor
    start, end = (floor.below(np.array([x, -5.0, 0.0])) for x in (0.0, 3.0))
    click(viewer, start)
    viewer.step(0.0)
    assert not any(name.startswith("/ruler") for name in nodes(server))  # not asked to measure
    viewer._panel.actions.put(("measure", None))
    click(viewer, start)
    click(viewer, end)
    viewer.step(0.0)
    assert nodes(server) >= {"/ruler/point0", "/ruler/point1", "/ruler/line", "/ruler/length"}
    assert f"**{np.linalg.norm(end - start):.3f} m**" in viewer._panel._ruler.content
    viewer._panel.actions.put(("clear", None))
    viewer.step(0.0)
    assert not any(name.startswith("/ruler/") for name in nodes(server))


def test_a_source_that_is_still_read_is_waited_for(server):
    viewer = Viewer(server, ViewSource("walk.mp4", frames(), "open_light", True), 9, load_body_engine)
    viewer.step(0.0)
    assert "/camera" not in nodes(server)
    viewer.start_reading()
    while not viewer.timeline.ended:
        viewer.wait()
    viewer.step(1.0)
    assert "/people/p1/body" in nodes(server)
    viewer.close()
    assert not viewer._reader.is_alive()


def test_an_unknown_pose_of_the_camera_leaves_the_table(server):
    def some():
        first, second = frames(2)
        yield replace(first, world_from_camera=np.eye(4))
        yield second

    viewer = Viewer(server, ViewSource("walk.mp4", some(), None, True), 9, load_body_engine)
    viewer.timeline.fill(viewer._source.frames)
    viewer.player.play(False)
    viewer.step(0.0)
    viewer.player.seek(1)
    viewer.step(0.0)
    assert not any(name.startswith("/people/") for name in nodes(server))
    assert "| p1 |" in viewer._panel._people.content
    assert "pose is not known" in viewer._panel._status.content


def test_the_server_is_of_this_machine_alone(server):
    host, port = server.get_host(), server.get_port()
    assert link(server) == f"http://127.0.0.1:{port}"
    assert host == "127.0.0.1"
    with pytest.raises(OSError), socket.create_connection((socket.gethostbyname("127.0.0.2"), port), 5):
        pass
    assert server.request_share_url() is None
    assert server._share_tunnel is None


def test_an_address_that_cannot_be_used_is_refused(server):
    with pytest.raises(ViewError, match=rf"--host 127.0.0.1 --port {server.get_port()}: .* choose another"):
        start_server("127.0.0.1", server.get_port())
    with pytest.raises(ViewError, match=r"--host 192\.0\.2\.1: "):
        start_server("192.0.2.1", None)
    with pytest.raises(ViewError, match="--port 99999: "):
        start_server("127.0.0.1", 99999)
