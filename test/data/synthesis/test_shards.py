"""The data engine: truth must agree with pixels, shards with the contract, and a broken run must go on."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.background import (
    Backgrounds,
    BackgroundsError,
    load_backgrounds,
    panorama_view,
    random_background,
    random_textured_room,
    world_rays,
)
from metrichmsr_ros.data.rendering.bodies import BOX_FACES, BodyMesh, ColouredBox, Figure, View, render
from metrichmsr_ros.data.rendering.clothing import paint, random_outfit, stand_off
from metrichmsr_ros.data.rendering.lighting import Light, ShadowMap
from metrichmsr_ros.data.rendering.sensor import photograph
from metrichmsr_ros.data.synthesis import shards as synthetic
from metrichmsr_ros.data.synthesis.contact_sheet import contact_sheet
from metrichmsr_ros.data.synthesis.landmark_noise import NEEDED, LandmarkNoise, NoiseConfig
from metrichmsr_ros.data.synthesis.landmark_rows import read_rows
from metrichmsr_ros.data.synthesis.observe import observe
from metrichmsr_ros.data.synthesis.pose_neighbours import PoseNeighbours
from metrichmsr_ros.data.synthesis.scene import SceneMaker
from metrichmsr_ros.data.synthesis.shards import ShardJob, SynthesisConfig, plan, sample_arrays, synthesize, write_shard
from metrichmsr_ros.data.synthesis.simulated_shards import simulate
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.landmarks import Detection, LandmarkSet, Roi

LEVEL = np.diag([1.0, -1.0, -1.0])
DAY = Light(np.array([0.0, 1.0, 0.0]), np.ones(3) * 0.8, np.ones(3) * 0.5, np.ones(3) * 0.3, 0.0)


class PerfectEyes:
    """Stands in for BlazePose: knows the truth of one scene and reports it, for tests without the networks."""

    def __init__(self, heavy: bool = False) -> None:
        self.scene, self._heavy = None, heavy

    def _torsos(self):
        for person in self.scene.people:
            yield person, self.scene.camera.project(person.landmarks)

    def detect(self, image):
        if image.shape != self.scene.image.shape:
            return []
        found = []
        for _, pixels in self._torsos():
            hips, shoulders = pixels[[23, 24]].mean(0), pixels[[11, 12]].mean(0)
            reach = np.linalg.norm(pixels - hips, axis=1).max()
            circle = hips + reach * (shoulders - hips) / (np.linalg.norm(shoulders - hips) + 1e-6)
            found.append(Detection(0.9, np.zeros(4), np.stack([hips, circle, shoulders, circle])))
        return found

    def landmarks(self, image, roi: Roi, min_score: float = 0.5, *, without=(), keep=None, mirrored=False):
        _, pixels = min(self._torsos(), key=lambda pair: np.linalg.norm(pair[1][[23, 24]].mean(0) - roi.centre))
        hips, shoulders = pixels[[23, 24]].mean(0), pixels[[11, 12]].mean(0)
        circle = hips + roi.size / 2.5 * (shoulders - hips) / (np.linalg.norm(shoulders - hips) + 1e-6)
        full = np.concatenate([pixels, [hips, circle, *pixels[[15, 15, 16, 16]]]])
        matrix = roi.matrix()
        crop = full @ matrix[:2, :2].T + matrix[:2, 2]
        ones = np.ones(39, np.float32)
        points = np.concatenate([crop, np.zeros((39, 1))], 1).astype(np.float32)
        pixels = full.astype(np.float32)
        return LandmarkSet(roi, 0.95, points, ones, ones, np.zeros((39, 3)), matrix, pixels, heavy=self._heavy)


@pytest.fixture(scope="module")
def maker():
    return SceneMaker(Backgrounds(), held_out=True)


@pytest.fixture(scope="module")
def scenes(maker):
    return [maker.make(np.random.default_rng([3, i])) for i in range(6)]


def test_a_scene_repeats_from_its_seed(maker, scenes):
    again = maker.make(np.random.default_rng([3, 2]))
    np.testing.assert_array_equal(again.image, scenes[2].image)
    np.testing.assert_array_equal(again.people[0].pose, scenes[2].people[0].pose)


def test_truth_is_the_body_posed_in_the_camera(scenes):
    body = load_body("open")
    for scene in scenes:
        assert scene.image.shape == (scene.camera.height, scene.camera.width, 3)
        for person in scene.people:
            rows = (
                torch.from_numpy(np.asarray(a, np.float32))[None] for a in (person.betas, person.pose, person.transl)
            )
            out = body(*rows)
            np.testing.assert_allclose(out.joints[0].numpy(), person.joints, atol=6e-3)
            landmarks = body.landmarks(out.vertices)[0].numpy()
            np.testing.assert_allclose(landmarks, person.landmarks, atol=0.03)
            assert person.joints[0] == pytest.approx(person.transl, abs=1e-5)
            assert 0 <= person.visible_fraction <= 1


def test_held_out_shapes_are_never_trained_on(maker):
    other = SceneMaker(Backgrounds(), held_out=False)
    held = {tuple(b) for b in maker._betas.round(5)}
    assert not held & {tuple(b) for b in other._betas.round(5)}


def test_box_faces_look_outwards():
    thing = ColouredBox.upright(np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0]), 0.7, np.ones(3))
    a, b, c = (thing.corners[BOX_FACES[:, k]] for k in range(3))
    outwards = (np.cross(b - a, c - a) * ((a + b + c) / 3 - [1.0, 2.0, 3.0])).sum(1)
    assert (outwards > 0).all()
    assert np.abs(np.linalg.norm(np.cross(b - a, c - a), axis=1)).sum() / 2 == pytest.approx(2 * (0.5 + 2 + 1))


def test_shadow_lies_under_a_box_and_nowhere_else():
    thing = ColouredBox.upright(np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.2, 1.0]), 0.0, np.ones(3))
    shadows = ShadowMap([(thing.corners, BOX_FACES)], DAY)
    lit = shadows.lit(np.array([[0.0, 0, 0], [0.4, 0, -0.4], [0.7, 0, 0], [0, 1.2, 0], [5.0, 0, 0]]))
    assert lit.tolist() == [0, 0, 1, 1, 1]


def test_render_draws_the_figure_where_the_camera_projects_it():
    body = load_body("open")
    mesh = BodyMesh(body.template.numpy(), body.faces.numpy())
    view = View(Camera.from_fov(160, 120, 1.0), LEVEL, np.array([0.0, 0.2, 3.0]))
    figure = Figure(body.template.numpy().astype(float), mesh, random_outfit(np.random.default_rng(0)))
    background = np.full((120, 160, 3), 0.5, np.float32)
    picture, raster = render([figure], [], background, view, DAY, floor=False)
    pixels = view.camera.project(view.to_camera(figure.vertices))
    low, high = pixels.min(0), pixels.max(0)
    rows, columns = np.nonzero(raster.covered)
    # clothes and hair stand off by up to 6 cm, 3 px here
    np.testing.assert_allclose([columns.min(), rows.min()], low, atol=4)
    np.testing.assert_allclose([columns.max(), rows.max()], high, atol=4)
    empty = ~cv2.dilate(raster.covered.astype(np.uint8), np.ones((5, 5))).astype(bool)
    np.testing.assert_allclose(picture[empty], 0.5, atol=1e-6)


def test_normals_of_a_body_look_outwards():
    body = load_body("open_light")
    mesh = BodyMesh(body.template.numpy(), body.faces.numpy())
    normals = mesh.normals(mesh.template)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    front = (mesh.template[:, 2] > 0.1) & (np.abs(mesh.template[:, 1] - 0.3) < 0.2)
    assert normals[front, 2].mean() > 0.5


def test_outfits_colour_the_whole_body_and_lie_at_most_9_cm_outside_it():
    template = load_body("open_light").template.numpy()
    for seed in range(20):
        outfit = random_outfit(np.random.default_rng(seed))
        colour, folds = paint(template, outfit)
        assert colour.shape == template.shape
        assert np.isfinite(colour).all()
        assert ((colour >= 0) & (colour <= 1.3)).all()
        assert (folds >= 0).all()
        off = stand_off(template, outfit)
        assert ((off >= 0) & (off < 0.09)).all()


def test_backgrounds_split_and_missing_folder(tmp_path):
    for index in range(30):
        cv2.imwrite(str(tmp_path / f"picture{index}.png"), np.full((40, 60, 3), index * 8, np.uint8))
    kept, held = (load_backgrounds(tmp_path, side) for side in (False, True))
    assert len(kept.photographs) + len(held.photographs) == 30
    assert 0 < len(held.photographs) < 15
    with pytest.raises(FileNotFoundError, match="no folder"):
        load_backgrounds(tmp_path / "nowhere", False)
    (tmp_path / "picture0.png").write_bytes(b"not a picture")
    with pytest.raises(BackgroundsError, match=r"picture0\.png: not an image"):
        [load_backgrounds(tmp_path, side) for side in (False, True)]


def test_every_kind_of_background_fills_the_picture():
    rng = np.random.default_rng(0)
    sources = Backgrounds((rng.integers(0, 255, (60, 90, 3), dtype=np.uint8),), (np.full((32, 64, 3), 128, np.uint8),))
    camera = Camera.from_fov(96, 64, 1.2)
    for _ in range(12):
        image = random_background(sources, camera, LEVEL, np.array([0.0, 1.0, 0.0]), rng)
        assert image.shape == (64, 96, 3)
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 1


def test_room_depth_meets_the_floor_where_the_ray_does():
    rng = np.random.default_rng(4)
    eye = np.array([0.0, 1.3, 0.0])
    rays = world_rays(Camera.from_fov(64, 48, 1.2), LEVEL)
    depth = np.empty((48, 64))
    random_textured_room(Backgrounds(), eye, rng).render(rays, eye, depth)
    heights = eye[1] + depth * rays[..., 1]
    assert heights.min() > -1e-3
    floor = np.isclose(heights, 0, atol=1e-3)
    np.testing.assert_allclose(depth[floor], -eye[1] / rays[..., 1][floor], rtol=1e-4)


def test_panorama_is_looked_up_by_direction():
    panorama = np.zeros((64, 128, 3), np.uint8)
    panorama[:32] = 255  # sky
    rays = np.array([[[0.0, 0.5, -1.0], [0.0, -0.5, -1.0]]], np.float32)
    np.testing.assert_allclose(panorama_view(panorama, rays, 0.3)[0, :, 0], [1, 0], atol=0.02)


def test_lens_keeps_size_and_type():
    for seed in range(8):
        image = photograph(np.full((48, 64, 3), 0.5, np.float32), np.random.default_rng(seed))
        assert image.shape == (48, 64, 3)
        assert image.dtype == np.uint8


def _seen(scenes, rng):
    eyes = PerfectEyes()
    for scene in scenes:
        eyes.scene = scene
        yield scene, *observe(scene, eyes, rng)


def test_detections_are_matched_to_people_and_missed_people_are_named(scenes):
    for scene, seen, missed in _seen(scenes, np.random.default_rng(0)):
        shown = [i for i, p in enumerate(scene.people) if p.visible_fraction >= 0.1]
        assert sorted({o.person for o in seen} | set(missed)) == shown
        for observation in seen:
            pixels = scene.camera.project(scene.people[observation.person].landmarks)
            np.testing.assert_allclose(observation.landmarks.pixels[:33], pixels, rtol=1e-3, atol=0.5)


def test_people_found_get_the_augmented_views_of_single_images(scenes):
    eyes, heavy = PerfectEyes(), PerfectEyes(heavy=True)
    for scene in scenes:
        eyes.scene = heavy.scene = scene
        plain, _ = observe(scene, eyes, np.random.default_rng(2))
        seen, missed = observe(scene, eyes, np.random.default_rng(2), heavy=heavy)
        assert [(o.person, o.way) for o in seen[: len(plain)]] == [(o.person, o.way) for o in plain]
        again = seen[len(plain) :]
        assert {o.way for o in again} <= {"again"}
        assert not {o.person for o in again} & set(missed)
        arrays = sample_arrays(scene, seen, missed, 0)
        np.testing.assert_array_equal(arrays["heavy"], [o.landmarks.heavy for o in seen])
        for person in {o.person for o in plain if not _hidden_by_another(scene, o.person)}:
            assert [o.landmarks.heavy for o in again if o.person == person] == [False, True, True]


def _hidden_by_another(scene, person):
    """Whether these eyes, which answer with whoever's hips are nearest to the ROI, may take one for another."""
    hips = np.stack([scene.camera.project(p.landmarks)[[23, 24]].mean(0) for p in scene.people])
    gaps = np.linalg.norm(hips - hips[person], axis=1)
    return bool((np.delete(gaps, person) < 30).any())


def test_sample_arrays_have_the_documented_shapes_and_types(scenes):
    for scene, seen, missed in _seen(scenes, np.random.default_rng(0)):
        arrays = sample_arrays(scene, seen, missed, 7)
        count = len(seen)
        shapes = {"crop_landmarks": (39, 3), "pose": (72,), "betas": (10,), "joints_cam": (24, 3), "height": ()}
        for name, shape in shapes.items():
            assert arrays[name].shape == (count, *shape)
        assert arrays["missed_pose"].shape == (len(missed), 72)
        assert arrays["intrinsics"].shape == (3, 3)
        assert arrays["image_size"].tolist() == list(scene.camera.size)


def test_a_plan_counts_its_shards_and_refuses_an_empty_set(tmp_path):
    config = SynthesisConfig(count=25, val_count=5, images_per_shard=10)
    jobs = plan(tmp_path, config)
    assert [(j.path.name, j.images) for j in jobs] == [
        ("val-00000.tar", 5),
        ("train-00000.tar", 10),
        ("train-00001.tar", 10),
        ("train-00002.tar", 5),
    ]
    with pytest.raises(ValueError, match="at least one image"):
        plan(tmp_path, replace(config, count=0, val_count=0))


class _Replay(PerfectEyes):
    """A scene maker and its eyes in one."""

    def __init__(self, scenes):
        super().__init__()
        self._scenes, self._next = scenes, 0

    def make(self, rng):
        if self._next >= len(self._scenes):
            raise RuntimeError("out of scenes")
        self.scene = self._scenes[self._next]
        self._next += 1
        return self.scene


def test_a_shard_is_whole_or_not_there(tmp_path, scenes):
    job = ShardJob(tmp_path / "val-00000.tar", True, 0, len(scenes), SynthesisConfig())
    broken = _Replay(scenes[:2])
    with pytest.raises(RuntimeError, match="out of scenes"):
        write_shard(job, broken, broken)
    assert list(tmp_path.iterdir()) == []
    whole = _Replay(scenes)
    counts = write_shard(job, whole, whole)
    assert counts["images"] == len(scenes)
    with tarfile.open(job.path) as tar:
        names = tar.getnames()
        npz = [n for n in names if n.endswith(".npz")]
        people = 0
        for name in npz:
            assert name[:-3] + "jpg" in names
            with np.load(io.BytesIO(tar.extractfile(name).read())) as arrays:
                people += len(arrays["pose"])
    assert people == counts["people"]
    assert contact_sheet([job.path], columns=3, rows=2, side=64).shape == (128, 192, 3)


def test_finished_shards_are_kept(tmp_path, monkeypatch):
    made = []

    class Worker:
        def __call__(self, job):
            made.append(job.path.name)
            with tarfile.open(job.path, "w"):
                return {"shards": 1, "images": job.images, "people": 0, "missed": 0}

    monkeypatch.setattr(synthetic, "_Worker", Worker)
    config = SynthesisConfig(count=4, val_count=2, images_per_shard=2, workers=1)
    assert synthesize(tmp_path, config)["images"] == 6
    (tmp_path / "train-00000.tar").unlink()
    assert synthesize(tmp_path, config)["images"] == 2
    assert made == ["val-00000.tar", "train-00000.tar", "train-00001.tar", "train-00000.tar"]


@pytest.fixture(scope="module")
def rows(scenes):
    parts = [sample_arrays(s, seen, [], 0) for s, seen, _ in _seen(scenes, np.random.default_rng(0)) if seen]
    for part in parts:
        for name in ("intrinsics", "image_size"):
            part[name] = np.broadcast_to(part[name], (len(part["pose"]), *part[name].shape))
    return {name: np.concatenate([p[name] for p in parts]) for name in NEEDED}


def test_simulated_people_have_the_residuals_of_rendered_ones(rows):
    body = load_body("open_light")
    for name, noise in (("crop_landmarks", 3.0), ("world", 0.05)):
        rows = rows | {name: rows[name] + np.random.default_rng(1).normal(0, noise, rows[name].shape)}
    drawn = LandmarkNoise(rows, body, NoiseConfig(sharpness=(1.0, 1.0))).draw(300, np.random.default_rng(0))
    seen = drawn["landmarks_cam"] @ drawn["intrinsics"].transpose(0, 2, 1)
    pixels = seen[..., :2] / seen[..., 2:]
    crop = pixels @ drawn["crop_matrix"][:, :2, :2].transpose(0, 2, 1) + drawn["crop_matrix"][:, None, :2, 2]
    error = drawn["crop_landmarks"][:, :33, :2] - crop
    # 3 px of noise, and the light mesh's landmarks lie up to 2 cm from the full one's
    assert 2.8 < np.sqrt(np.median(error**2) / 0.455) < 4.5
    out = body(*(torch.from_numpy(drawn[k]).float() for k in ("betas", "pose", "transl")))
    np.testing.assert_allclose(out.joints.numpy(), drawn["joints_cam"], atol=1e-3)


def test_a_simulator_that_changes_nothing_returns_the_rendered_people(rows):
    class Still:
        """Chance that changes nothing and goes through the people in order."""

        def normal(self, mean, sigma, shape):
            return np.zeros(shape)

        def random(self, count):
            return np.ones(count)

        def uniform(self, low, high, count):
            return np.full(count, high)

        def integers(self, high, size):
            return np.arange(size) % high

        def choice(self, count, size, p):
            return np.zeros(size, int)

    still = LandmarkNoise(rows, load_body("open_light"), NoiseConfig(new_pose=0.0, fov_limits=(0.2, 3.0)))
    drawn = still.draw(len(rows["pose"]), Still())
    near = rows["joints_cam"][..., 2].min(1) > 0.3
    for name, tolerance in (("crop_landmarks", 2e-3), ("world", 1e-4), ("pixels", 0.01), ("pose", 1e-6)):
        np.testing.assert_allclose(drawn[name], rows[name][near], atol=tolerance)


def _crop_error(drawn):
    """Errors (N, 33, 2) px of the observed landmarks in the crop."""
    seen = drawn["landmarks_cam"] @ (drawn["crop_matrix"] @ drawn["intrinsics"]).transpose(0, 2, 1)
    return drawn["crop_landmarks"][:, :33, :2] - seen[..., :2] / seen[..., 2:]


def test_sharpness_scales_the_errors_in_the_image_plane(rows):
    body = load_body("open_light")
    full, half = (
        LandmarkNoise(rows, body, NoiseConfig(sharpness=(s, s))).draw(100, np.random.default_rng(3)) for s in (1.0, 0.5)
    )
    np.testing.assert_allclose(_crop_error(half), 0.5 * _crop_error(full), atol=1e-6)
    np.testing.assert_array_equal(half["world"], full["world"])


def test_new_poses_are_seen_upright_in_the_middle_of_their_crop(rows):
    drawn = LandmarkNoise(rows, load_body("open_light"), NoiseConfig(new_pose=1.0)).draw(200, np.random.default_rng(4))
    seen = drawn["landmarks_cam"] @ (drawn["crop_matrix"] @ drawn["intrinsics"]).transpose(0, 2, 1)
    points = seen[..., :2] / seen[..., 2:]
    trunk = points[:, [11, 12]].mean(1) - points[:, [23, 24]].mean(1)
    assert np.median(np.abs(np.arctan2(trunk[:, 0], -trunk[:, 1]))) < 0.15  # BlazePose turns its crop so
    assert np.median(np.abs(points.mean(1) - 127.5)) < 30
    poses = drawn["pose"].reshape(-1, 24, 3)[:, 1:]
    nearest = np.abs(poses[:, None] - rows["pose"].reshape(-1, 24, 3)[None, :, 1:]).max((2, 3)).min(1)
    assert np.median(nearest) > 0.2, "poses that were never rendered"


def test_a_rendered_persons_own_pose_finds_that_person(rows):
    neighbours = PoseNeighbours({name: np.asarray(rows[name], np.float64) for name in NEEDED})
    gaps = torch.cdist(neighbours.looks, neighbours.looks)
    assert (gaps.diagonal() < 1e-3).all()
    landmarks = rows["landmarks_cam"][:1].astype(np.float64)
    grown = {name: rows[name][:1] for name in NEEDED} | {"landmarks_cam": landmarks * 1.3}  # larger, so farther away
    again = PoseNeighbours(grown).looks
    np.testing.assert_allclose(again.numpy(), neighbours.looks[:1].numpy(), atol=1e-5)


def test_simulated_people_name_the_landmark_network_of_their_errors(rows):
    """Errors of 9 px are the heavier network's, all others are of none."""
    heavy = np.arange(len(rows["pose"])) % 3 == 0
    off = np.where(heavy, 9.0, 0.0)[:, None, None]
    marked = rows | {"crop_landmarks": rows["crop_landmarks"] + off, "heavy": heavy}
    config = NoiseConfig(sharpness=(1.0, 1.0))
    drawn = LandmarkNoise(marked, load_body("open_light"), config).draw(200, np.random.default_rng(5))
    assert drawn["heavy"].any()
    np.testing.assert_array_equal(np.median(_crop_error(drawn), axis=(1, 2)) > 4.5, drawn["heavy"])


def test_children_are_drawn_as_often_as_asked(rows):
    body = load_body("open_light")
    few, many = (
        LandmarkNoise(rows, body, NoiseConfig(new_pose=0.0, new_shape=1.0, children=c)).draw(
            400, np.random.default_rng(0)
        )
        for c in (0.0, 0.6)
    )
    shares = [(body.height(torch.from_numpy(d["betas"]).float()) < 1.4).float().mean().item() for d in (few, many)]
    assert shares[0] < 0.02
    assert shares[1] > 0.25


def test_rows_without_truth_are_refused(rows):
    with pytest.raises(ValueError, match="lack pose"):
        LandmarkNoise({k: v for k, v in rows.items() if k != "pose"}, load_body("open_light"))


def test_simulated_shards_read_like_rendered_ones(tmp_path, scenes):
    job = ShardJob(tmp_path / "train-00000.tar", False, 0, len(scenes), SynthesisConfig())
    whole = _Replay(scenes)
    people = write_shard(job, whole, whole)["people"]
    assert len(read_rows([job.path])[0]["pose"]) == people
    written = simulate([job.path], tmp_path / "sim", 30, per_shard=20)
    shards = sorted((tmp_path / "sim").iterdir())
    assert [s.name for s in shards] == ["sim-00000.tar", "sim-00001.tar"]
    rows, _ = read_rows(shards)
    assert len(rows["pose"]) == written <= 30
    assert rows["intrinsics"].shape == (written, 3, 3)
    assert not rows["heavy"].any()
    assert simulate([job.path], tmp_path / "sim", 30, per_shard=20) == 0


def test_shards_without_people_are_named(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w"):
        pass
    for shards in ([], [tmp_path / "a.tar"]):
        with pytest.raises(ValueError, match="hold nobody"):
            read_rows(shards)


def test_two_images_through_the_real_networks(tmp_path):
    total = synthesize(tmp_path, SynthesisConfig(count=0, val_count=2, seed=5, workers=1))
    assert (total["shards"], total["images"]) == (1, 2)
    assert total["people"] + total["missed"] > 0
    if total["people"]:
        rows, _ = read_rows([tmp_path / "val-00000.tar"])
        seen = np.einsum("nij,nkj->nki", rows["intrinsics"], rows["landmarks_cam"])
        gap = np.linalg.norm(seen[..., :2] / seen[..., 2:] - rows["pixels"][:, :33], axis=-1)
        size = np.ptp(rows["pixels"][:, :33], axis=1).max(-1)
        assert np.median(gap / size[:, None]) < 0.1
    assert (tmp_path / "contact_sheet.png").exists()
