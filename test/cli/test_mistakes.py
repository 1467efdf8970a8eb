"""Whatever a user gets wrong on the command line ends in one line that names it, and exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose
from helpers.repository import ROOT

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.cli import main as cli
from metrichmsr_ros.replay.options import ReplayError, ReplayOptions, check_numbers

skip_without_blazepose()

PHOTO = str(asset_path("astronaut.jpg"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that are not what they are given as."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "file").write_text("x")
    (folder / "folder").mkdir()
    for name in ("page.pkl", "page.npz", "page.npy"):
        (folder / name).write_text("<html>please sign in</html>")
    (folder / "empty.npz").write_bytes(b"")
    np.save(folder / "flat.npy", np.full((100, 512), 2.0))
    np.savez(folder / "other.npz", a=np.zeros(3))
    (folder / "text.safetensors").write_text("hello")
    (folder / "bytes.yaml").write_bytes(bytes(range(256)))
    (folder / "list.yaml").write_text("- 1\n")
    (folder / "note.jpg").write_text("no picture")
    return folder


PREDICT = ("predict", PHOTO, "--fov", "60", "--body", "open_light", "--out", "{out}")
BODY = ("predict", PHOTO, "--out", "{out}", "--body")
SYNTHESIZE = ("synthesize", "--out", "{out}", "--workers", "1", "--count", "1", "--val-count", "0")
CASES = {
    "body file missing": ((*BODY, "smpl:/nowhere/SMPL.pkl"), "/nowhere/SMPL.pkl is not a file; get it from"),
    "body is a page, pkl": ((*BODY, "smpl:{files}/page.pkl"), "web page"),
    "body is a page, npz": ((*BODY, "smpl:{files}/page.npz"), "web page"),
    "body is empty": ((*BODY, "smpl:{files}/empty.npz"), "is empty"),
    "body is another npz": ((*BODY, "smpl:{files}/other.npz"), "array(s) missing"),
    "body is a folder": ((*BODY, "smpl:{files}/folder"), "is not a file"),
    "body word": ((*BODY, "SMPL"), "unknown model 'SMPL'"),
    "device 0": ((*PREDICT, "--device", "0"), "device is '0'"),
    "device cuda:99": ((*PREDICT, "--device", "cuda:99"), "device is 'cuda:99'"),
    "device meta": ((*PREDICT, "--device", "meta"), "device is 'meta'"),
    "out is a file": ((*PREDICT[:-1], "{files}/file"), "is a file; name a folder"),
    "out is below a file": ((*PREDICT[:-1], "{files}/file/x"), "is a file; name a folder"),
    "preset is text": ((*PREDICT, "--preset", "{files}/text.safetensors"), "text.safetensors"),
    "preset is a folder": ((*PREDICT, "--preset", "{files}/folder"), "/folder', which is a folder: neither a file nor"),
    "preset missing": (
        (*PREDICT, "--preset", "/nowhere/x.safetensors"),
        "preset is '/nowhere/x.safetensors', which does not exist: neither a file nor a preset with shipped weights; "
        "give 'embedded', or the path of a .safetensors file",
    ),
    "preset, typing error": ((*PREDICT, "--preset", "embeded"), "preset is 'embeded', which does not exist"),
    "export missing": (
        ("export", "/nowhere/x.safetensors"),
        "preset is '/nowhere/x.safetensors', which does not exist",
    ),
    "export, typing error": (("export", "embeded"), "preset is 'embeded', which does not exist"),
    "routing, preset missing": (
        ("routing", PHOTO, "--preset", "/nowhere/x.safetensors", "--out", "{out}"),
        "preset is '/nowhere/x.safetensors', which does not exist",
    ),
    "depth file missing": (
        (*PREDICT, "--depth", "file:/nowhere.npy"),
        "/nowhere.npy is not a file; give a .npy in metres",
    ),
    "depth file of another shape": (
        (*PREDICT, "--depth", "file:{files}/flat.npy"),
        "file:flat.npy is 512x100, which is not the shape of the image of 512x512",
    ),
    "depth of a topic": (
        (*PREDICT, "--depth", "topic"),
        "depth source 'topic': no topic is read here; choose from: auto",
    ),
    "eval, depth file": (
        ("eval", "prox", "--data", "{files}/folder", "--depth", "file:x.npy"),
        "depth source 'file:x.npy': one file is not the depth of every frame; choose from: auto",
    ),
    "depth file is a page": ((*PREDICT, "--depth", "file:{files}/page.npy"), "web page"),
    "calibration missing": (
        (*PREDICT, "--depth", "ground", "--calibration", "/no.safetensors"),
        "depth calibration is '/no.safetensors', which is not a file: cannot read depth refiner weights. Give auto",
    ),
    "calibration without depth": ((*PREDICT, "--calibration", "nope"), "unknown depth calibration 'nope'"),
    "calibration of people": (
        (*PREDICT, "--depth", "people", "--calibration", "nope"),
        "unknown depth calibration 'nope'",
    ),
    "photo is a folder": (("predict", "{files}/folder", "--out", "{out}"), "is not a file"),
    "photo too large": ((*PREDICT, "--max-pixels", "1000"), "--max-pixels"),
    "photo, no pixels": ((*PREDICT, "--max-pixels", "-1"), "--max-pixels -1: give at least 1"),
    "intrinsics, far": ((*PREDICT, "--intrinsics", "1e30", "1e30", "255", "255"), "too long for an image of"),
    "view, calibration": (("view", PHOTO, "--calibration", "nope"), "unknown depth calibration 'nope'"),
    "view, pixels": (("view", PHOTO, "--max-pixels", "-1"), "--max-pixels -1: at least 1"),
    "annotate, calibration": (
        ("annotate", PHOTO, "--calibration", "nope", "--out", "{out}"),
        "unknown depth calibration 'nope'",
    ),
    "view no topic": (("view", "topic:"), "the topic of the people is ''"),
    "view a bad topic": (("view", "topic:bad name"), "the topic of the people is 'bad name'"),
    "view a bad image": (("view", "topic:/x", "--image", "bad name"), "the topic of the images is 'bad name'"),
    "intrinsics": ((*PREDICT, "--intrinsics", "1", "1", "0", "0"), "it is the identity"),
    "routing, note": (("routing", "{files}/note.jpg", "--out", "{out}"), "note.jpg"),
    "routing, nothing": (("routing", "--out", "{out}"), "no images: give"),
    "routing, out": (("routing", PHOTO, "--out", "{files}/file"), "is a file; name a folder"),
    "routing, device": (("routing", PHOTO, "--device", "gpu", "--out", "{out}"), "device is 'gpu'"),
    "ablate a folder": (("ablate", "{files}/folder"), "name a YAML file"),
    "ablate bytes": (("ablate", "{files}/bytes.yaml"), "bytes.yaml: not valid YAML"),
    "ablate a list": (("ablate", "{files}/list.yaml"), "mapping"),
    "train human, folder": (("train", "human", "{files}/folder"), "name a YAML file"),
    "train depth, folder": (("train", "depth", "{files}/folder"), "name a YAML file"),
    "train depth, bytes": (("train", "depth", "{files}/bytes.yaml"), "not valid YAML"),
    "train human, device": (("train", "human", "{root}/config/train/embedded.yaml", "--device", "x"), "device is 'x'"),
    "train depth, device": (("train", "depth", "{root}/config/train/depth.yaml", "--device", "x"), "device is 'x'"),
    "synthesize into a file": (("synthesize", "--out", "{files}/file", "--count", "1"), "is a file; name a folder"),
    "synthesize nothing": ((*SYNTHESIZE, "--count", "0"), "at least one image"),
    "synthesize, workers": ((*SYNTHESIZE, "--workers", "-3"), "workers -3"),
    "synthesize, seed": ((*SYNTHESIZE, "--seed", "-1"), "seed -1"),
    "synthesize, share": ((*SYNTHESIZE, "--jpeg-share", "7"), "jpeg_share 7"),
    "synthesize, counters": ((*SYNTHESIZE, "--counter-share", "-0.5"), "counter_share -0.5"),
    "synthesize, backgrounds": ((*SYNTHESIZE, "--backgrounds", "/nowhere"), "/nowhere"),
    "synthesize, empty backgrounds": ((*SYNTHESIZE, "--backgrounds", "{files}/folder"), "/folder has no images"),
    "crops without an end": (("synthesize", "crops", "--out", "{out}"), "give --count, --seconds or both"),
    "crops, seconds": (("synthesize", "crops", "--out", "{out}", "--seconds", "nan"), "seconds is nan"),
    "refine, floor": (("refine", "{files}/folder", "--out", "{out}", "--floor-z", "nan"), "--floor-z nan"),
    "crops, children": (("synthesize", "crops", "--out", "{out}", "--children", "2"), "children is 2"),
    "crops, acting": (("synthesize", "crops", "--out", "{out}", "--count", "1", "--acting", "2"), "acting is 2"),
    "acts, count": (("synthesize", "acts", "--out", "{out}", "--count", "-1"), "at least 0"),
    "acts into a file": (("synthesize", "acts", "--out", "{files}/file"), "is a file; name a folder"),
    "train arms, bytes": (("train", "arms", "{files}/bytes.yaml"), "not valid YAML"),
    "train arms, device": (("train", "arms", "{root}/config/train/arms.yaml", "--device", "x"), "device is 'x'"),
    "synthesize, poses": ((*SYNTHESIZE, "--poses", "{files}/page.npz"), "page.npz"),
    "demo, out": (("demo", "--out", "{files}/file"), "is a file; name a folder"),
    "eval, regressor": (("eval", "prox", "--data", "{files}/nowhere"), "nowhere"),
    "eval, device": (("eval", "synfocal", "--device", "cuda:99"), "device is 'cuda:99'"),
    "eval, images": (("eval", "synfocal", "--images", "-1"), "--images -1: must be at least 1"),
    "eval, no images": (("eval", "synfocal", "--images", "0"), "--images 0"),
    "eval, threads": (("eval", "synfocal", "--num-threads", "0"), "--num-threads 0"),
    "eval, far": (("eval", "prox", "--data", "{files}", "--max-depth", "nan"), "--max-depth nan"),
    "eval, negative far": (("eval", "prox", "--data", "{files}", "--max-depth", "-1"), "--max-depth -1"),
    "eval, predictions": (("eval", "synfocal", "--predictions", "a=/nope"), "--predictions a=/nope cannot be used"),
    "eval, predictions of open": (("eval", "open", "--data", "x", "--predictions", "a=/nope"), "a=/nope cannot be"),
    "eval, no data": (("eval", "3dpw", "--data", "/nowhere"), "--data /nowhere: does not exist; give the path of 3dpw"),
    "eval, no name": (("eval", "3dpw", "--data", "x", "--predictions", "=x"), "--predictions =x: write NAME=PATH"),
    "eval, one name": (
        ("eval", "3dpw", "--data", "x", "--predictions", "a=x", "a=y"),
        "--predictions a=y: a is named twice",
    ),
    "compare": (("compare", "{files}/a[/b]", "{files}/file"), "a[/b]"),
    "replay, bag": (("replay", "{files}/nowhere[/x]", "--out", "{out}"), "nowhere[/x]"),
    "replay, workers": (("replay", "{files}", "--out", "{out}", "--workers", "0"), "--workers 0"),
}


@pytest.mark.parametrize(("words", "told"), CASES.values(), ids=CASES)
def test_mistakes_end_in_one_line_and_exit_code_2(words, told, files, tmp_path, monkeypatch, capsys):
    places = {"{out}": str(tmp_path / "out"), "{files}": str(files), "{root}": str(ROOT)}
    for name, place in places.items():
        words = [word.replace(name, place) for word in words]
    monkeypatch.setattr(sys, "argv", ["metrichmsr", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    printed = capsys.readouterr()
    lines = [line for line in (printed.out + printed.err).splitlines() if "error:" in line]
    assert len(lines) == 1
    assert told in lines[0]


@pytest.mark.parametrize("name", ["num_threads", "limit", "worst"])
def test_numbers_of_a_replay_are_checked(name):
    with pytest.raises(ReplayError, match=f"--{name.replace('_', '-')} -1"):
        check_numbers(ReplayOptions(**{name: -1}))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("min_confidence", float("nan"), "--min-confidence nan: must be from 0 to 1"),
        ("min_confidence", 2.0, "--min-confidence 2: must be from 0 to 1"),
        ("min_confidence", -1.0, "--min-confidence -1: must be from 0 to 1"),
        ("max_megapixels", float("nan"), "--max-megapixels nan: must be from 0.01 to 1024"),
        ("max_megapixels", 0.001, "--max-megapixels 0.001: must be"),
    ],
)
def test_limits_of_a_replay_are_checked(name, value, told):
    with pytest.raises(ReplayError, match=told):
        check_numbers(ReplayOptions(**{name: value}))


CODE = """
import sys
from metrichmsr_ros.cli.user_errors import one_line_errors
from rich.console import Console
with one_line_errors("x"):
    print("pr\\xfcfung caf\\udce9")
    Console().print("pr\\xfcfung caf\\udce9")
    {end}
"""


def run(end, **environment):
    return subprocess.run(
        [sys.executable, "-c", CODE.format(end=end)],
        capture_output=True,
        text=True,
        errors="replace",
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp437"])
def test_terminals_of_every_encoding_get_the_text(encoding):
    done = run("pass", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fung caf\\udce9" in done.stdout


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("open('/nowhere/prüfung')", "/nowhere/pr\\xfcfung: No such file or directory; check the path"),
        ("open(b'/nowhere/caf\\xe9')", "/nowhere/caf\\udce9: No such file"),
        ("open('/')", "/: Is a directory; name a file"),
        ("import os; os.mkdir('/')", "/: File exists; it is not a folder; name another"),
        ("import os; os.mkdir('/dev/null/x')", "/dev/null/x: Not a directory; a part of the path is a file"),
        ("open('x' * 5000)", "choose a shorter name"),
    ],
)
def test_errors_of_the_system_name_the_path_and_the_remedy(end, told):
    done = run(end, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("x: error: ")
    assert told in line


def test_a_command_that_needs_torch_says_so_where_it_is_not_installed():
    refuse = "import sys; sys.modules['torch'] = None; sys.argv = ['metrichmsr', 'export', 'embedded']"
    code = f"{refuse}; from metrichmsr_ros.cli.main import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "metrichmsr: error: this needs torch, which is not installed: pip install 'metrichmsr_ros[train]'"
    ]


def test_bugs_keep_their_traceback():
    done = run("[][0]")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_closed_pipe_ends_quietly():
    done = subprocess.run(
        f"{sys.executable} -c 'from metrichmsr_ros.cli.user_errors import one_line_errors\n"
        'with one_line_errors("x"):\n  for _ in range(100000): print("y" * 100)\' | head -1',
        shell=True, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.stderr == ""


def test_a_home_that_cannot_be_written_to_names_the_variable(tmp_path):
    (tmp_path / "cache").write_text("a file")
    done = subprocess.run(
        [sys.executable, "-m", "metrichmsr_ros.cli.main", "setup"],
        capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "set XDG_CACHE_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_results_of_a_photograph_with_an_odd_name_are_written(tmp_path, monkeypatch, capsys):
    photo = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    photo.write_bytes(Path(PHOTO).read_bytes())
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/out\xe9"))
    monkeypatch.setattr(
        sys, "argv", ["metrichmsr", *PREDICT[:1], str(photo), *PREDICT[2:-1], str(out), "--depth", "ground"]
    )
    cli.main()
    assert "caf\\udce9_overlay.png" in capsys.readouterr().out
    names = sorted(os.listdir(os.fsencode(out)))
    ends = (b".glb", b".json", b"_depth.png", b"_overlay.png", b"_scene.ply", b"_scene.png")
    assert names == [b"caf\xe9" + end for end in ends]
