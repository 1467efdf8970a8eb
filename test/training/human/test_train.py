"""Training on simulated people: the error falls, resuming is exact, and a loss that is not finite stops the run."""

from __future__ import annotations

import dataclasses
from contextlib import suppress

import pytest
import torch
from helpers.full_disk import files_of_at_most
from helpers.landmark_shards import write_landmark_shard
from helpers.landmark_training import ALONE, QUIET, SMALL, config_of, losses_of, run_of
from helpers.simulated_people import simulate

from metrichmsr_ros.config import ConfigError, build
from metrichmsr_ros.data.formats.tar_samples import ShardError
from metrichmsr_ros.data.image_sets import ImageSet
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.weights import read_metadata
from metrichmsr_ros.io.whole_files import DiskFullError
from metrichmsr_ros.runtime.weights_file import WeightsFileError
from metrichmsr_ros.training.depth.config import DepthTrainConfig
from metrichmsr_ros.training.human.batches import LandmarkBatches, generator_of
from metrichmsr_ros.training.human.config import LARGEST_SEED, AugmentConfig, TrainConfig, TrainingError
from metrichmsr_ros.training.human.landmark_table import load_people
from metrichmsr_ros.training.human.train import train, train_on
from metrichmsr_ros.training.human.trainer import HumanRun
from metrichmsr_ros.training.human.validation import validate
from metrichmsr_ros.training.pixels.config import PixelTrainConfig


@pytest.fixture(scope="module")
def people(body):
    return simulate(body, 32)


def test_overfitting_32_people_drives_mpjpe_under_10_mm(people, body, tmp_path):
    config = config_of(
        tmp_path,
        batch_size=32,
        steps=700,
        learning_rate=3e-3,
        warmup_steps=30,
        vertices_every=1000,
        ema_decay=0.98,
        augmentation=AugmentConfig(*[0.0] * 9),
    )
    run = run_of(config, people, body)
    metrics = {"mpjpe": float("inf")}
    while metrics["mpjpe"] >= 8 and run.step_count < config.steps:
        for _ in range(50):
            run.step()
        metrics = validate(run.averaged_model(), people, body)
    assert metrics["mpjpe"] < 10
    assert metrics["root_percent"] < 2


def test_resumed_training_repeats_the_uninterrupted_one(people, body, tmp_path):
    config = config_of(tmp_path)
    whole = run_of(config, people, body)
    expected = losses_of(whole, 6)
    first = run_of(config, people, body)
    assert losses_of(first, 3) == expected[:3]
    first.save(tmp_path / "checkpoint.pt")
    second = run_of(config, people, body)
    second.resume(tmp_path / "checkpoint.pt")
    assert losses_of(second, 3) == expected[3:]
    for a, b in zip(whole.averaged_model().parameters(), second.averaged_model().parameters(), strict=True):
        assert torch.equal(a, b)


class Killed(BaseException):
    """Ends a run as a kill does: nobody handles it."""


def files_of(folder):
    """Metadata and content of the weights, and the lines of the log, of a run.

    The metadata of a safetensors file has no order of its own.
    """
    weights = folder / "run.safetensors"
    content = weights.read_bytes()
    tensors = content[8 + int.from_bytes(content[:8], "little") :]
    return read_metadata(weights), tensors, (folder / "metrics.jsonl").read_text()


@pytest.mark.parametrize("keep_best", [(), ("mpjpe", "root")])
@pytest.mark.parametrize(("place", "call"), [("save", 1), ("averaged_model", 2), ("save", 2), ("averaged_model", 3)])
def test_a_killed_run_ends_with_the_files_of_an_undisturbed_one(
    people, body, tmp_path, monkeypatch, keep_best, place, call
):
    more = {"keep_best": keep_best, "validation": ("read already",)} if keep_best else {}
    configs = [config_of(tmp_path / end, name="run", **more) for end in ("whole", "killed")]
    batches = [LandmarkBatches(config, people) for config in configs]
    train_on(configs[0], batches[0], people, body, ALONE, QUIET)
    calls, method = [], getattr(HumanRun, place)

    def killed(self, *arguments):
        calls.append(1)
        if len(calls) == call:
            raise Killed
        return method(self, *arguments)

    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr(HumanRun, place, killed)
        train_on(configs[1], batches[1], people, body, ALONE, QUIET)
    train_on(configs[1], batches[1], people, body, ALONE, QUIET)
    assert files_of(tmp_path / "killed/run") == files_of(tmp_path / "whole/run")
    assert len(files_of(tmp_path / "killed/run")[2].splitlines()) == 6 + 2


def test_a_line_that_a_kill_cut_is_written_again(people, body, tmp_path):
    config = config_of(tmp_path, name="run")
    batches = LandmarkBatches(config, people)
    train_on(config, batches, people, body, ALONE, QUIET)
    log = tmp_path / "run/metrics.jsonl"
    whole = log.read_text()
    log.write_text(whole + whole[:17])
    train_on(config, batches, people, body, ALONE, QUIET)
    assert log.read_text() == whole


def test_a_state_that_does_not_fit_on_the_disk_leaves_the_one_before(people, body, tmp_path):
    run = run_of(config_of(tmp_path), people, body)
    run.save(tmp_path / "checkpoint.pt")
    before = (tmp_path / "checkpoint.pt").read_bytes()
    run.step()
    with files_of_at_most(50_000), pytest.raises(DiskFullError, match=r"checkpoint.pt cannot be written: File too"):
        run.save(tmp_path / "checkpoint.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_resuming_with_another_configuration_raises_an_error(people, body, tmp_path):
    run = run_of(config_of(tmp_path), people, body)
    run.save(tmp_path / "checkpoint.pt")
    other = run_of(config_of(tmp_path, learning_rate=0.5), people, body)
    with pytest.raises(TrainingError, match="learning_rate"):
        other.resume(tmp_path / "checkpoint.pt")


def test_resuming_with_other_labels_of_as_many_people_raises_an_error(people, body, tmp_path):
    people = dataclasses.replace(people, keys=tuple(f"train-0.tar/0#{row}" for row in range(len(people))))
    run_of(config_of(tmp_path), people, body).save(tmp_path / "checkpoint.pt")
    run_of(config_of(tmp_path), people, body).resume(tmp_path / "checkpoint.pt")
    moved = dataclasses.replace(people.truth, transl=people.truth.transl + torch.tensor([0.0, 0.0, 0.01]))
    other = run_of(config_of(tmp_path), dataclasses.replace(people, truth=moved), body)
    with pytest.raises(TrainingError, match="its people had other names or labels than the data now has"):
        other.resume(tmp_path / "checkpoint.pt")


def test_keys_missing_from_a_checkpoint_count_as_defaults(people, body, tmp_path):
    """A checkpoint that is older than a key can be resumed, unless the key is set to another value than its default."""
    run = run_of(config_of(tmp_path), people, body)
    run.save(tmp_path / "checkpoint.pt")
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del state["config"]["parallel"], state["config"]["images"]
    torch.save(state, tmp_path / "checkpoint.pt")
    run_of(config_of(tmp_path), people, body).resume(tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="parallel"):
        run_of(config_of(tmp_path, parallel="fsdp"), people, body).resume(tmp_path / "checkpoint.pt")


def test_resume_refuses_a_network_that_is_not_whole(people, body, tmp_path):
    run = run_of(config_of(tmp_path), people, body)
    run.step()
    run.save(tmp_path / "checkpoint.pt")
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    name = next(iter(state["model"]))
    del state["model"][name]
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(RuntimeError, match=f"Missing key.*{name}"):
        run_of(config_of(tmp_path), people, body).resume(tmp_path / "checkpoint.pt")


def test_dropout_repeats_after_resuming(people, body, tmp_path):
    dropping = dataclasses.replace(SMALL, moe=dataclasses.replace(SMALL.moe, dropout=0.3))
    config = config_of(tmp_path, model=dropping)
    whole = run_of(config, people, body)
    expected = losses_of(whole, 4)
    first = run_of(config, people, body)
    losses_of(first, 2)
    first.save(tmp_path / "checkpoint.pt")
    second = run_of(config, people, body)
    second.resume(tmp_path / "checkpoint.pt")
    torch.rand(7)  # other code may draw random numbers
    assert losses_of(second, 2) == expected[2:]


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_batch(people, body, tmp_path):
    landmarks = people.inputs.landmarks.clone()
    landmarks[5] = float("nan")
    broken = dataclasses.replace(people, inputs=dataclasses.replace(people.inputs, landmarks=landmarks))
    run = run_of(config_of(tmp_path, batch_size=32), broken, body)
    before = [p.clone() for p in run.model.parameters()]
    with pytest.raises(TrainingError, match=r"step 0: not finite: .*simulated#5"):
        run.step()
    assert all(torch.equal(a, b) for a, b in zip(before, run.model.parameters(), strict=True))


def test_training_writes_weights_that_load(people, body, tmp_path):
    config = config_of(tmp_path)
    weights = train_on(config, LandmarkBatches(config, people), people, body, ALONE, QUIET)
    metadata = read_metadata(weights)
    assert {"config", "git_revision", "data", "metrics", "preset"} <= set(metadata)
    model = load_model(weights)
    assert model.config == SMALL
    assert not model.training
    assert (tmp_path / config.name / "metrics.jsonl").read_text().count('"held out"') == 2
    # The run is finished: the same call resumes it, takes no step and writes the same weights.
    again = train_on(config, LandmarkBatches(config, people), people, body, ALONE, QUIET)
    out = [load_model(w)(people.inputs).transl for w in (weights, again)]
    assert torch.equal(*out)


def test_fine_tuning_starts_from_weights(people, body, tmp_path):
    first = config_of(tmp_path)
    weights = train_on(first, LandmarkBatches(first, people), None, body, ALONE, QUIET)
    config = config_of(tmp_path, name="tuned", initial_weights=str(weights))
    run = run_of(config, people, body)
    assert torch.equal(run.averaged_model()(people.inputs).transl, load_model(weights)(people.inputs).transl)
    wider = dataclasses.replace(SMALL, head=dataclasses.replace(SMALL.head, hidden=64))
    with pytest.raises(TrainingError, match="its network differs from `model`"):
        run_of(dataclasses.replace(config, model=wider), people, body)
    with pytest.raises(WeightsFileError, match=r"^initial_weights is '/nowhere\.safetensors', which does not exist"):
        run_of(config_of(tmp_path, name="none", initial_weights="/nowhere.safetensors"), people, body)


def test_weights_for_full_landmarks_initialise_a_network_for_full_and_heavy(people, body, tmp_path):
    first = config_of(tmp_path)
    weights = train_on(first, LandmarkBatches(first, people), None, body, ALONE, QUIET)
    encoder = dataclasses.replace(SMALL.image_encoder, reads_heavy=True)
    both = dataclasses.replace(SMALL, image_encoder=encoder)
    model = run_of(config_of(tmp_path, name="both", model=both, initial_weights=str(weights)), people, body).model
    known = load_model(weights)(people.inputs)
    for heavy in (False, True):
        said = people.inputs.with_tensors({"heavy": torch.full((len(people),), heavy)})
        torch.testing.assert_close(model(said).transl, known.transl, rtol=1e-4, atol=1e-5)
    assert model.config == both


def test_every_epoch_draws_everybody_once(people, body, tmp_path):
    run = run_of(config_of(tmp_path, batch_size=12), people, body)
    visited = torch.cat([run.batches.index(step) for step in range(8)])
    for epoch in visited.view(3, 32):
        assert sorted(epoch.tolist()) == list(range(32))
    assert not torch.equal(visited[:32], visited[32:64])


def test_shards_are_read_once_and_then_from_the_cache(tmp_path):
    write_landmark_shard(tmp_path / "train-0.tar", [2, 0, 1])
    write_landmark_shard(tmp_path / "train-1.tar", [1])
    patterns = [str(tmp_path / "train-*.tar")]
    people = load_people(patterns)
    assert people.keys == ("train-0.tar/0000#0", "train-0.tar/0000#1", "train-0.tar/0002#0", "train-1.tar/0000#0")
    for _ in range(2):
        cached = load_people(patterns, tmp_path / "cache")
        assert cached.keys == people.keys
        assert torch.equal(cached.inputs.crop_intrinsics, people.inputs.crop_intrinsics)
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: b"", lambda content: content[1:]])
def test_a_cache_that_cannot_be_read_is_reported_and_made_again(tmp_path, capsys, damage):
    write_landmark_shard(tmp_path / "train-0.tar", [2, 0, 1])
    patterns = [str(tmp_path / "train-0.tar")]
    people = load_people(patterns, tmp_path / "cache")
    (cache,) = (tmp_path / "cache").iterdir()
    content = cache.read_bytes()
    cache.write_bytes(damage(content))
    (tmp_path / "cache" / f".{cache.name}.1.part").write_bytes(b"half")  # of a killed run
    assert load_people(patterns, tmp_path / "cache").keys == people.keys
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{cache} cannot be read and is made again" in line
    assert [path.read_bytes() for path in (tmp_path / "cache").iterdir()] == [content]
    load_people(patterns, tmp_path / "cache")
    assert capsys.readouterr().err == ""


def test_shards_name_the_landmark_network(tmp_path):
    """Old shards do not name it: their landmarks are of the full network."""
    write_landmark_shard(tmp_path / "old.tar", [2])
    write_landmark_shard(tmp_path / "new.tar", [3], heavy=[False, True, True])
    people = load_people([str(tmp_path / "*.tar")])
    assert people.inputs.heavy.tolist() == [False, True, True, False, False]


def test_data_errors_name_the_shard(tmp_path):
    with pytest.raises(ShardError, match="no shards match"):
        load_people([str(tmp_path / "none-*.tar")])
    write_landmark_shard(tmp_path / "bad.tar", [1], drop=("pose",))
    with pytest.raises(ShardError, match=r"bad\.tar:0000\.npz: lacks \['pose'\]"):
        load_people([str(tmp_path / "bad.tar")])
    (tmp_path / "cut.tar").write_bytes(b"not a tar" * 100)
    with pytest.raises(ShardError, match=r"cut\.tar: not a readable"):
        load_people([str(tmp_path / "cut.tar")])


def test_weights_with_a_pixel_branch_start_a_run_without_it(people, body, tmp_path):
    """The shipped network has one; fine-tuning its landmarks' network drops it, and refuses to train it."""
    config = config_of(tmp_path, name="landmarks")
    encoder = dataclasses.replace(config.model.image_encoder, kind="blazepose_pixels")
    whole = MetricHMR(dataclasses.replace(config.model, image_encoder=encoder))
    save_model(tmp_path / "whole.safetensors", whole)
    tuned = config_of(tmp_path, name="tuned", initial_weights=str(tmp_path / "whole.safetensors"))
    model = run_of(tuned, people, body).model
    assert model.pixel_position is None
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, whole.state_dict()[name])
    with pytest.raises(ConfigError, match="train pixels"):
        config_of(tmp_path, name="both", model=whole.config)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"checkpoint_every": 0}, "checkpoint_every: 0 is not at least 1"),
        ({"validate_every": 0}, "validate_every: 0 is not at least 1"),
        ({"steps": -6}, "steps: -6 is not at least 0"),
        ({"steps": 0, "epochs": 0.0}, "steps: it and epochs are 0"),
        ({"seed": -1}, "seed: -1 is not between 0"),
        ({"seed": 2**31}, "seed: 2147483648 is not between 0"),
        ({"learning_rate": float("nan")}, "learning_rate: nan is not at least 0"),
        ({"ema_decay": 1.5}, "ema_decay: 1.5 is not between 0 and 1"),
        ({"images": (ImageSet("annotated", "a", weight=0.0),)}, "images: every weight is 0"),
    ],
)
def test_numbers_without_meaning_are_named_before_anything_is_read(changes, text):
    with pytest.raises(ConfigError, match=text):
        TrainConfig(**changes)
    TrainConfig(seed=LARGEST_SEED)
    generator_of(LARGEST_SEED, 2, 10**9)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_by_which_nothing_can_be_drawn_is_named(weight):
    with pytest.raises(ConfigError, match=r"images\[0\].weight: .* is not between 0"):
        build(TrainConfig, {"images": [{"kind": "annotated", "path": "a", "weight": weight}]})


@pytest.mark.parametrize("config", [PixelTrainConfig, DepthTrainConfig])
@pytest.mark.parametrize("changes", [{"checkpoint_every": 0}, {"steps": 0}, {"seed": -1}, {"learning_rate": -1e-3}])
def test_other_trainings_name_such_numbers_too(config, changes):
    with pytest.raises(ConfigError, match=f"{next(iter(changes))}: .* is not "):
        config(**changes)


def test_shards_that_are_trained_on_are_no_validation(tmp_path):
    shard = tmp_path / "train-0.tar"
    write_landmark_shard(shard, [2, 1])
    (tmp_path / "val-0.tar").symlink_to(shard)
    config = TrainConfig(
        train=(f"{tmp_path}/train-*.tar",), validation=(f"{tmp_path}/val-*.tar",), output=str(tmp_path)
    )
    with pytest.raises(TrainingError, match="validation: 1 of them are trained on too, such as the shard"):
        train(config)
