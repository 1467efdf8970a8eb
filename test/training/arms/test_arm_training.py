"""Training of the network over arms: examples of shards, and a network that learns what it is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.stick_figures import HANGING, POINTING, RAISED, figure

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.data.synthesis.crops.shard_files import CropShardError, write_crops
from metrichmsr_ros.io.devices import DeviceError
from metrichmsr_ros.people.gestures.arm_features import NUM_FEATURES
from metrichmsr_ros.people.gestures.arm_network import ArmNetwork, ArmWeights
from metrichmsr_ros.training.arms.config import ArmTrainConfig, load_arm_config
from metrichmsr_ros.training.arms.examples import ArmExamples, read_examples, true_acts
from metrichmsr_ros.training.arms.train import describe, fitted, train

SMALL = ArmTrainConfig(hidden=(16, 8), epochs=40, batch_size=64, dropout=(0.0, 0.0), learning_rate=1e-2, threads=1)
BONES = (HANGING, POINTING, RAISED)


def look(rng, kind):
    """The arrays of a look at a person whose left arm does something, which the landmarks' first numbers tell."""
    joints = figure(BONES[kind])

    def answer():
        world = rng.normal(0, 0.02, (39, 3)) + np.arange(117).reshape(39, 3) * 0.01
        world[15] += np.eye(3)[kind]  # the left wrist
        return {
            "landmarks": (100 + 80 * world).astype(np.float32),
            "world": world.astype(np.float32),
            "visibility": np.ones(39, np.float32),
            "score": np.float32(0.9),
        }

    heavy = {f"heavy_{name}": values for name, values in answer().items()}
    return answer() | heavy | {"joints": joints.astype(np.float32), "joints_seen": np.ones(24, np.uint8)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("acts"), np.random.default_rng(0)
    for name, count in (("train", 300), ("val", 60)):
        write_crops(path / f"{name}-00000.safetensors", [look(rng, number % 3) for number in range(count)], {})
    return path


def test_truth_is_what_the_true_joints_do_where_the_forearm_is_seen():
    joints = np.stack([figure(POINTING, RAISED), figure(RAISED, HANGING), figure(POINTING)])
    seen = np.ones((3, 24), bool)
    seen[2, 20] = False  # the left wrist
    expected = [[[1, 0], [0, 1]], [[0, 1], [0, 0]], [[0, 0], [0, 0]]]
    np.testing.assert_array_equal(true_acts(joints, seen), expected)
    np.testing.assert_array_equal(true_acts(np.zeros((1, 24, 3)), seen[:1]), np.zeros((1, 2, 2)))


def test_every_arm_of_every_answer_is_an_example(folder):
    examples = read_examples(folder)
    assert len(examples) == 300 * 2 * 2
    assert examples.features.shape == (1200, NUM_FEATURES)
    assert examples.is_heavy.sum() == 600
    assert examples.truth.sum(0).tolist() == [200.0, 200.0]
    np.testing.assert_array_equal(examples.features[:, -1], examples.is_heavy)


def test_shards_without_the_heavier_network_are_named(tmp_path):
    rng = np.random.default_rng(0)
    lacks = {name: values for name, values in look(rng, 0).items() if not name.startswith("heavy_")}
    write_crops(tmp_path / "train-00000.safetensors", [lacks], {})
    with pytest.raises(CropShardError, match="has no heavy_"):
        read_examples(tmp_path)
    with pytest.raises(CropShardError, match=r"no val-\*"):
        read_examples(tmp_path, held_out=True)


def test_a_network_learns_what_the_landmarks_tell(folder, tmp_path):
    config, said = ArmTrainConfig(**(vars(SMALL) | {"crops": str(folder), "acts": "", "output": str(tmp_path)})), []
    path = train(config, report=said.append)
    network = ArmNetwork(ArmWeights.read(path))
    examples = read_examples(folder, held_out=True)
    assert ((network.of_features(examples.features) > 0) == (examples.truth > 0)).mean() > 0.99
    assert path == tmp_path / "arms" / "arms.npz"
    assert said[0] == "1200 arms, of which 16.7% point and 16.7% are raised"
    assert sum("held out" in line for line in said) == 4


def test_mistakes_are_found_before_the_training(folder, tmp_path):
    said, config = [], vars(SMALL) | {"crops": str(folder), "acts": "", "output": str(tmp_path)}
    with pytest.raises(DeviceError):
        train(ArmTrainConfig(**config), "x", said.append)
    lacks = tmp_path / "lacks"
    lacks.mkdir()
    (lacks / "train-00000.safetensors").write_bytes((folder / "train-00000.safetensors").read_bytes())
    with pytest.raises(CropShardError, match=r"no val-\*"):
        train(ArmTrainConfig(**(config | {"acts": str(lacks)})), report=said.append)
    assert not said


def test_the_same_seed_gives_the_same_network(folder):
    examples, silent = read_examples(folder), lambda words: None
    few = ArmTrainConfig(**(vars(SMALL) | {"epochs": 1}))
    first, again = (fitted(few, examples, torch.device("cpu"), silent) for _ in range(2))
    np.testing.assert_array_equal(first.weight1, again.weight1)
    other = fitted(ArmTrainConfig(**(vars(few) | {"seed": 1})), examples, torch.device("cpu"), silent)
    assert not np.array_equal(first.weight1, other.weight1)


def test_scores_are_counts_of_right_and_false():
    class Says:
        def of_features(self, features):
            return features[:, :2]

    said = np.array([[1, -1], [1, -1], [-1, -1], [1, 1]], np.float32)
    truth = np.array([[1, 0], [0, 0], [1, 0], [1, 1]], np.float32)
    lines = describe(Says(), ArmExamples(said, truth, np.zeros(4, bool)))
    assert lines[0] == "held out, usual network, points: precision 0.667, recall 0.667, F1 0.667, 3 true"
    assert lines[1] == "held out, usual network, raised: precision 1.000, recall 1.000, F1 1.000, 1 true"


def test_the_shipped_configuration_is_read(tmp_path):
    assert load_arm_config("config/train/arms.yaml").act_repeats == 4
    bad = tmp_path / "bad.yaml"
    bad.write_text("dropout: [0.3, 1.5]\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml: dropout: 1\.5 is not between 0 and 0\.9"):
        load_arm_config(bad)
    with pytest.raises(ConfigError, match="name at least one folder"):
        ArmTrainConfig(crops="", acts="")
