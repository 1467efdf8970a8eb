"""Two processes (gloo, on the CPU) train the same weights as one, with replicated (ddp) and sharded (fsdp) networks."""

from __future__ import annotations

import pytest
import torch
from helpers.landmark_training import config_of, run_of
from helpers.simulated_people import simulate
from helpers.two_processes import run_two

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.training.distributed import Processes

WORKER = """
import torch
from pathlib import Path
from helpers.landmark_training import config_of, run_of
from helpers.simulated_people import simulate
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.training.distributed import processes
out = Path({out!r})
body = load_body("open_light")
people = simulate(body, 32)
with processes("cpu") as among:
    config = config_of(out, parallel={parallel!r})
    run = run_of(config, people, body, among)
    for _ in range(2):
        run.step()
    run.save(out / "checkpoint.pt")
    again = run_of(config, people, body, among)
    again.resume(out / "checkpoint.pt")
    losses = [again.step()["total"]]
    held = sum(p.to_local().numel() if hasattr(p, "to_local") else p.numel() for p in again.model.parameters())
    average = again.averaged_model()
    again.save(out / "last.pt")
    if among.is_first:
        torch.save({{"average": list(average.parameters()), "losses": losses, "held": held}}, out / "result.pt")
"""


@pytest.fixture(scope="module")
def people(body):
    return simulate(body, 32)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_train_the_weights_of_one(people, body, tmp_path, parallel):
    if parallel == "fsdp":
        pytest.importorskip("torch.distributed.fsdp._fully_shard", reason="needs torch 2.6")
    run = run_of(config_of(tmp_path), people, body)
    third = [run.step()["total"] for _ in range(3)][2]
    run_two(WORKER.format(out=str(tmp_path), parallel=parallel))
    result = torch.load(tmp_path / "result.pt")
    numbers = sum(p.numel() for p in run.model.parameters())
    assert result["held"] == pytest.approx(numbers if parallel == "ddp" else numbers / 2, rel=0.02)
    assert sum(result["losses"]) == pytest.approx(third, rel=0.2)  # rank 0 reports half of the batch
    for mine, theirs in zip(run.averaged_model().parameters(), result["average"], strict=True):
        assert torch.allclose(mine, theirs, atol=2e-4)
    # The checkpoint holds full tensors: one process can resume it.
    last = torch.load(tmp_path / "last.pt", weights_only=True)
    for name, value in run.model.state_dict().items():
        assert torch.allclose(value, last["model"][name], atol=2e-4), name
    for number, moments in run.optimizer.state_dict()["state"].items():
        assert torch.allclose(moments["exp_avg"], last["optimizer"]["state"][number]["exp_avg"], atol=2e-3)


def test_batches_must_divide_by_the_number_of_processes():
    with pytest.raises(ConfigError, match="batch_size 7 cannot be divided among 2"):
        Processes(0, 2, torch.device("cpu")).share(7)
