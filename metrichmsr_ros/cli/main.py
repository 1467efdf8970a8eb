"""The command `metrichmsr`, a thin interface to the library. Each subcommand imports only the modules it needs."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from metrichmsr_ros.acceleration.execution import Execution, Precision
from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions
from metrichmsr_ros.cli.eval import EvalOptions
from metrichmsr_ros.cli.user_errors import check_output_folder, one_line_errors
from metrichmsr_ros.conversion.options import ConvertOptions, Format
from metrichmsr_ros.io.image_header import MAX_PIXELS
from metrichmsr_ros.replay.options import ExitCode, ReplayOptions
from metrichmsr_ros.ros.process import EndSignals
from metrichmsr_ros.viewer.options import ViewOptions

app = tyro.extras.SubcommandApp()
_HOME = re.compile(r"^(--[\w-]+=|[\w. -]+=|@|file:|--depth=file:)?~(?=/|$)")  # where a path may begin in an argument


@app.command
def predict(
    photo: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out/predict"),
    fov: float | None = None,
    intrinsics: tuple[float, float, float, float] | None = None,
    preset: str = "embedded",
    body: str = "open",
    device: str = "cpu",
    precision: Precision = "float32",
    compile: bool = False,
    depth: str | None = None,
    calibration: str = "auto",
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Estimate all people in one photograph; write overlay PNG, JSON and GLB (metres), optionally the scene's depth.

    Args:
        photo: JPEG, PNG, ... of at least one person.
        out: folder for the results.
        fov: horizontal field of view in degrees, if known.
        intrinsics: fx fy cx cy in pixels, if known; takes precedence over --fov.
        preset: preset name or path of a .safetensors checkpoint.
        body: open (12,000 vertices), open_light (1,200) or smpl:/path/to/your/SMPL file.
        device: of the networks, e.g. cpu, cuda, cuda:1 or tensorrt.
        precision: float32, bf16 or fp16, of presets with a Vision Transformer.
        compile: compile the network in torch first, which takes minutes.
        depth: source of the scene's initial depth: auto, fastdepth, ground, people, hub[:MODEL],
            map_anything[:MODEL] or file:PATH; writes a 16-bit PNG in millimetres, a figure and a PLY point cloud.
        calibration: calibration of the depth by the people: auto (the learned refiner), planes, field, affine, scale,
            none or a .safetensors file.
        max_pixels: a larger photograph is refused before memory is taken for it.
    """
    from rich.console import Console

    from metrichmsr_ros.cli.predict import (
        InputError,
        check_results,
        depth_line,
        people_table,
        predict_photo,
        write_depth,
    )
    from metrichmsr_ros.depth.factory import DepthChoice, check_source
    from metrichmsr_ros.pipeline.pipeline import Pipeline

    check_output_folder(out)
    if depth is not None:
        check_source(depth, without=("topic",))
    check_results(photo, out, depth)
    choice = DepthChoice("people" if depth is None else depth, calibration, device)
    execution = Execution(precision, compile)
    pipeline = Pipeline.from_preset(preset, device, body, depth=choice, execution=execution)
    scene, files = predict_photo(pipeline, photo, out, fov, intrinsics, max_pixels)
    console = Console()
    console.print(people_table(scene))
    written = [files.overlay, files.numbers, *([files.mesh] if files.mesh else [])]
    if depth is not None:
        if depth.startswith("file:") and scene.depth.problem:
            raise InputError(f"--depth {depth}: {scene.depth.problem}; no depth was written")
        console.print(depth_line(scene.depth), markup=False, highlight=False)
        written += write_depth(scene, pipeline.faces, photo, out)
    for path in written:
        console.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)


@app.command
def demo(out: Path = Path("out/demo"), frames: int = 120) -> None:
    """Play a rendered sequence with ground truth through the node over ROS 2 and print the metrics.

    Args:
        out: folder for the bags, the overlay video, the table and the results of the photograph.
        frames: length of the sequence, at 10 frames per second.
    """
    from metrichmsr_ros.cli.demo import run_demo

    check_output_folder(out)
    run_demo(out, frames)


@app.command
def setup() -> None:
    """Download the networks of the embedded preset (once, verified by sha256) into the per-user cache, and convert
    BlazePose's for ONNX Runtime.
    """
    from metrichmsr_ros.assets import main as download_all
    from metrichmsr_ros.people.blazepose.network_files import make_graphs

    code = download_all()
    for path in make_graphs() if code == 0 else ():
        print(f"converted for ONNX Runtime: {path}")
    sys.exit(code)


@app.command
def synthesize(
    out: Path,
    count: int = 2000,
    val_count: int = 200,
    seed: int = 0,
    workers: int = 0,
    backgrounds: Path | None = None,
    poses: Path | None = None,
    images_per_shard: int = 200,
    jpeg_share: float = 0.02,
    further_views: bool = False,
    counter_share: float = 0.0,
) -> None:
    """Render people with ground truth, detect them with BlazePose, write training shards. Resumes interrupted runs.

    Args:
        out: folder for train-*.tar, val-*.tar and contact_sheet.png.
        count: training images.
        val_count: validation images, of shapes, motions and backgrounds that are not in the training images.
        seed: the same seed gives the same shards.
        workers: processes; 0 means one per core.
        backgrounds: folder of your photographs; without it backgrounds are procedural rooms.
        poses: your pose bank, from `python -m metrichmsr_ros.data.mocap.pose_bank`; default: the bank of the package.
        images_per_shard: images per shard; with the seed it determines the images.
        jpeg_share: share of training images stored as JPEG; 1 to train networks over pixels.
        further_views: also store the views of test-time augmentation: mirrored, by the heavy landmark network, and
            wide where legs are hidden.
        counter_share: share of images with a counter, table or low wall before a person.
    """
    from metrichmsr_ros.data.synthesis import shards as synthetic

    check_output_folder(out)
    config = synthetic.SynthesisConfig(
        count=count,
        val_count=val_count,
        seed=seed,
        workers=workers,
        backgrounds=backgrounds,
        poses=poses,
        images_per_shard=images_per_shard,
        jpeg_share=jpeg_share,
        further_views=further_views,
        counter_share=counter_share,
    )
    synthetic.synthesize(out, config)


@app.command(name="synthesize-crops")
def synthesize_crops(
    out: Path,
    count: int = 0,
    seconds: float = 0.0,
    val_count: int = 2048,
    seed: int = 0,
    processes: int = 1,
    backgrounds: Path | None = None,
    children: float = 0.05,
    women: float = 0.5,
    acting: float = 0.15,
    steps: int = 40,
    maps: bool = True,
    heavy: bool = False,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Render people as robots' cameras see them, look at them with BlazePose, write shards with maps of its trunk.

    The words `synthesize crops` are understood too. Needs the extra `crops`. Resumes interrupted runs.

    Args:
        out: folder for train-*.safetensors and val-*.safetensors.
        count: people to draw for training, of whom about three in four are kept; 0: as many as --seconds allow.
        seconds: no shard is begun after this time; 0: no limit.
        val_count: people to draw for validation, of shapes, motions and photographs that training does not use.
        seed: the same seed gives the same shards, for any number of processes.
        processes: 0 means one per core.
        backgrounds: folder with `photos/` and, for cloth and floors, `textures/`; without it, rooms and plain colours.
        children: share of children of 3 to 17 years.
        women: share of women and girls.
        acting: share of people who point, raise a hand, hold a telephone to the ear and so on.
        steps: steps of 16 people in a shard; with the seed it determines the shards.
        maps: store the landmark network's maps s16 and t8 (82 KiB a crop).
        heavy: store the heavier landmark network's answers too.
        device: cpu, or cuda to draw on the GPU and run BlazePose there in torch, for all people of a step at a time.
            Needs the extra `crops-gpu`.
    """
    from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior
    from metrichmsr_ros.data.synthesis.crops import shards

    check_output_folder(out)
    config = shards.CropConfig(
        count=count,
        seconds=seconds,
        val_count=val_count,
        seed=seed,
        processes=processes,
        backgrounds=backgrounds,
        prior=PeoplePrior(children, women, acting),
        steps=steps,
        maps=maps,
        heavy=heavy,
        device=device,
    )
    shards.synthesize_crops(out, config)


@app.command(name="synthesize-acts")
def synthesize_acts(
    out: Path,
    count: int = 1000,
    val_count: int = 100,
    seed: int = 0,
    processes: int = 1,
) -> None:
    """Render people who gesture in rooms, look at them with both networks of BlazePose, write shards for `train arms`.

    The words `synthesize acts` are understood too. Needs the extra `train`. Resumes interrupted runs.

    Args:
        out: folder for train-*.safetensors and val-*.safetensors.
        count: scenes of two people for training.
        val_count: scenes for validation.
        seed: the same seed gives the same shards, for any number of processes.
        processes: 0 means one per core.
    """
    from metrichmsr_ros.data.synthesis.acts import shards

    check_output_folder(out)
    shards.synthesize_acts(out, shards.ActConfig(count, val_count, seed, processes))


@app.command
def train(
    what: Annotated[Literal["human", "pixels", "depth", "arms"], tyro.conf.Positional],
    config: Annotated[Path, tyro.conf.Positional],
    device: str = "cpu",
) -> None:
    """Train a network by a YAML file, e.g. `metrichmsr train human config/train/embedded.yaml`; resumes if interrupted.

    Args:
        what: human (pose, shape and position), pixels (the branch for position and shape from pixels, e.g. with
            config/train/pixels.yaml), depth (the refiner, e.g. with config/train/depth.yaml) or arms (what arms do, for
            gestures, with config/train/arms.yaml).
        config: training configuration, YAML.
        device: torch device; use torchrun for several GPUs (human).
    """
    if what == "depth":
        from metrichmsr_ros.training.depth.config import load_depth_config
        from metrichmsr_ros.training.depth.train import train as train_depth

        print(f"wrote {train_depth(load_depth_config(config), device)}")
        return
    if what == "pixels":
        from metrichmsr_ros.training.pixels.config import load_pixel_config
        from metrichmsr_ros.training.pixels.train import train as train_pixels

        print(f"wrote {train_pixels(load_pixel_config(config), device)}")
        return
    if what == "arms":
        from metrichmsr_ros.training.arms.config import load_arm_config
        from metrichmsr_ros.training.arms.train import train as train_arms

        print(f"wrote {train_arms(load_arm_config(config), device)}")
        return
    from metrichmsr_ros.training.human.config import load_train_config
    from metrichmsr_ros.training.human.train import train as train_human

    print(f"wrote {train_human(load_train_config(config), device)}")


@app.command
def export(
    preset: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
) -> None:
    """Write the graphs that ONNX Runtime runs without torch; print how much they differ from torch on random people.

    Args:
        preset: preset name, for all of its graphs (of the network, the depth refiner and the open bodies), or path of
            a .safetensors file of a network or a refiner.
        out: folder for the graphs and a copy of the weights; default: beside the weights.
    """
    from metrichmsr_ros.export.files import export as export_graphs

    if out is not None:
        check_output_folder(out)
    for exported in export_graphs(preset, out):
        parts = ", ".join(f"{name} {difference:.1e}" for name, difference in exported.differences.items())
        print(f"wrote {exported.path}; largest differences from torch: {parts}")


@app.command
def ablate(
    config: Annotated[Path, tyro.conf.Positional],
    network: Literal["landmarks", "pixels"] = "landmarks",
    seeds: tuple[int, ...] = (0, 1),
    out: Path | None = None,
) -> None:
    """Train the rows of the paper's ablation with a small budget on the CPU; print and write a table. Resumes per row.

    Args:
        config: configuration of the budget, e.g. config/train/ablation.yaml, config/train/ablation_pixels.yaml.
        network: the network over landmarks, or the pixel branch beside it.
        seeds: every row is trained once per seed.
        out: Markdown file of the table; the page of the documentation by default.
    """
    page = Path("docs/explanation") / ("ablations.md" if network == "landmarks" else "ablations_pixels.md")
    command = f"metrichmsr ablate {config} --network {network} --seeds {' '.join(map(str, seeds))}"
    if network == "pixels":
        from metrichmsr_ros.training.pixels.ablations import ablate as train_branches
        from metrichmsr_ros.training.pixels.config import load_pixel_config

        print(train_branches(load_pixel_config(config), seeds, out or page, command))
        return
    from metrichmsr_ros.training.human.ablations import ablate as train_rows
    from metrichmsr_ros.training.human.config import load_train_config

    print(train_rows(load_train_config(config), seeds, out or page, command))


@app.command
def routing(
    images: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path = Path("out/routing"),
    fov: float | None = None,
    intrinsics: tuple[float, float, float, float] | None = None,
    preset: str = "embedded",
    body: str = "open_light",
    device: str = "cpu",
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Visualise the routing of body parts to experts: heat maps over images, and a table of joints by experts.

    Args:
        images: JPEG, PNG, ... of at least one person each.
        out: folder for a figure per person and routing.png, .csv and .md.
        fov: horizontal field of view in degrees, if known.
        intrinsics: fx fy cx cy in pixels, if known; takes precedence over --fov.
        preset: preset name or path of a .safetensors checkpoint.
        body: body model of the trained weights: open_light, open or smpl:/path/to/your/SMPL file.
        device: torch device, e.g. cpu or cuda.
        max_pixels: a larger image is refused before memory is taken for it.
    """
    from metrichmsr_ros.cli.expert_routing import route_images
    from metrichmsr_ros.hmr.network.checkpoint import load_model
    from metrichmsr_ros.pipeline.pipeline import Pipeline

    check_output_folder(out)
    pipeline, model = Pipeline.from_preset(preset, device, body), load_model(preset, device)
    files = route_images(pipeline, model, images, out, fov, intrinsics, max_pixels)
    for path in (*files.people, *files.tables):
        print(f"wrote {path}")
    if not files.people:
        print("no person was detected in these images")


@app.command
def replay(
    bag: Annotated[Path, tyro.conf.Positional],
    out: Path,
    options: Annotated[ReplayOptions, tyro.conf.OmitArgPrefixes] = ReplayOptions(),  # noqa: B008 (frozen)
    workers: int = 1,
    ray: str | None = None,
    fresh: bool = False,
    live: bool = False,
) -> None:
    """Run recorded bags through the pipeline; write metrics, trajectories, an output bag and an HTML report.

    Args:
        bag: a rosbag2, or a folder that contains bags.
        out: folder for the results.
        options: topics, intrinsics, ground truth, model.
        workers: number of processes for several bags.
        ray: address of a Ray cluster to use instead of processes.
        fresh: replay bags again that are already done.
        live: play one bag in real time through the node over ROS 2 instead, and measure drops and latency.
    """
    from metrichmsr_ros.cli.replay import live_command, replay_command

    if live:
        sys.exit(int(live_command(bag, out, options)))
    sys.exit(int(replay_command(bag, out, options, workers, ray, fresh)))


@app.command
def annotate(
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    out: Path | None = None,
    options: Annotated[AnnotateOptions, tyro.conf.OmitArgPrefixes] = AnnotateOptions(),  # noqa: B008 (frozen)
    workers: int = 1,
    ray: str | None = None,
    gpus: float = 0.0,
    fresh: bool = False,
    refine: bool = False,
    summary: Path | None = None,
) -> None:
    """Estimate the people of photographs, videos, bags and tars; write them as Parquet. Resumes interrupted runs.

    Needs the extra `annotate`. Exit code 1: an input was not annotated, or not wholly; the list at the end says why.

    Args:
        inputs: photographs, videos, rosbag2 bags, WebDataset tars, folders of them; @FILE or FILE.txt is a list of
            them, one path a line.
        out: folder for the annotations.
        options: intrinsics, model, depth.
        workers: number of processes, or of actors on a cluster; 0 annotates in this process.
        ray: address of a Ray cluster to use instead of processes; needs the extra `fleet`.
        gpus: GPUs of each actor on the cluster.
        fresh: annotate again what is already done.
        refine: write the refined recordings to OUT_refined too; `metrichmsr refine` has more options.
        summary: print what this annotation folder has, and annotate nothing.
    """
    from metrichmsr_ros.cli.annotate import Where, annotate_command, summary_command

    if summary is not None:
        sys.exit(int(summary_command(summary)))
    if out is None or not inputs:
        raise AnnotateError("give the inputs and --out FOLDER, or --summary FOLDER to read one")
    check_output_folder(out)
    refined = out.absolute().parent / f"{out.absolute().name}_refined"
    if refine:
        from metrichmsr_ros.refinement.annotation_folder import check_out

        check_out(out, refined)  # before hours of work
    code = annotate_command(inputs, out, options, Where(workers, ray, gpus), fresh)
    if refine and code in (ExitCode.OK, ExitCode.SOME_FAILED):
        from metrichmsr_ros.cli.refine import refine_command

        refine_command(out, refined, None, False, options.body)
    sys.exit(int(code))


@app.command
def view(
    path: Annotated[str, tyro.conf.Positional],
    options: Annotated[ViewOptions, tyro.conf.OmitArgPrefixes] = ViewOptions(),  # noqa: B008 (frozen)
    host: str = "127.0.0.1",
    port: int | None = None,
) -> None:
    """Look at people in the browser, in metres: bodies, camera, depth, paths, with a timeline and a ruler.

    Needs the extra `view`, and no internet. Ctrl-C ends it.

    Args:
        path: a photograph, video or rosbag2 bag, whose people are estimated; an annotation folder, the --out of a
            replay or a bag of the node's people, which are shown as they are; topic:NAME, people of a running node.
        options: what to show of it, model, intrinsics.
        host: address that the page listens on; others than this machine's own show it to the network.
        port: of the page; default: 8080, or the next free one.
    """
    from metrichmsr_ros.cli.view import view_command

    view_command(path, host, port, options)


@app.command
def convert(
    src: Annotated[Path, tyro.conf.Positional],
    to: Format,
    out: Path,
    options: Annotated[ConvertOptions, tyro.conf.OmitArgPrefixes] = ConvertOptions(),  # noqa: B008 (frozen)
) -> None:
    """Convert people of an annotation folder or of a replay to BVH, animated GLB, AMASS, BEDLAM, COCO, TUM or LeRobot.

    Args:
        src: an annotation folder, the --out of a replay, or an estimates.npz.
        to: bvh, glb, amass, bedlam, coco, tum or lerobot.
        out: a new or empty folder; conversion.json lists what is in it.
        options: frame, body, rate, pictures.
    """
    from metrichmsr_ros.cli.convert import convert_command

    check_output_folder(out)
    convert_command(src, to, out, options)


@app.command
def refine(
    folder: Annotated[Path, tyro.conf.Positional],
    out: Path,
    floor_z: float | None = None,
    static_camera: bool = False,
    body: str | None = None,
) -> None:
    """Refine annotated recordings over whole tracks, past and future; write a folder of the same layout.

    Positions and poses are smoothed both ways, each person gets one shape, front and back are decided by the whole
    track, and feet that stand do not slide.

    Args:
        folder: the --out of `metrichmsr annotate`.
        out: another folder, for the result.
        floor_z: height of the floor in the frame of the camera's poses, m, e.g. 0 in odom; it gives people's sizes.
        static_camera: recordings without camera poses are of cameras that stand still, so that feet can be held.
        body: body model of the betas; default: open or open_light as the folder says. smpl:/path/to/SMPL otherwise.
    """
    from metrichmsr_ros.cli.refine import refine_command

    check_output_folder(out)
    refine_command(folder, out, floor_z, static_camera, body)


@app.command(name="eval")
def evaluate(
    benchmark: Annotated[Literal["3dpw", "emdb1", "emdb2", "rich", "prox", "synfocal", "open"], tyro.conf.Positional],
    options: Annotated[EvalOptions, tyro.conf.OmitArgPrefixes] = EvalOptions(),  # noqa: B008 (frozen)
) -> None:
    """Evaluate this pipeline, or predictions of any system, on a benchmark, next to the paper's numbers."""
    from metrichmsr_ros.cli.eval import eval_command

    sys.exit(int(eval_command(benchmark, options)))


@app.command
def compare(
    first: Annotated[Path, tyro.conf.Positional],
    second: Annotated[Path, tyro.conf.Positional],
    markdown: Path | None = None,
) -> None:
    """Compare two finished replays; exit code 0 if their estimates are identical, 1 if they differ.

    Args:
        first: the --out folder of one replay.
        second: the --out folder of the other replay.
        markdown: also write the table to this file.
    """
    from metrichmsr_ros.cli.replay import compare_command

    sys.exit(int(compare_command(first, second, markdown)))


def main() -> None:
    """Entry point. A mistake of the user is printed in one line, without a traceback; the exit code is 2."""
    signals = EndSignals([signal.SIGINT])  # a second Ctrl-C does not break off the end that the first one began
    signals.install()
    try:
        with one_line_errors("metrichmsr"), signals.raising():
            app.cli(prog="metrichmsr", description="People in metres from one camera.", args=_words(sys.argv[1:]))
    finally:
        signals.close()


def _words(arguments: list[str]) -> list[str]:
    """The arguments, in which `synthesize crops` is the command `synthesize-crops`, and `~/` the home folder.

    Shells leave `~` as it is where no word begins: in `--out=~/results`, `ours=~/maps` and `@~/list.txt`.
    """
    home = os.path.expanduser("~")
    arguments = [_HOME.sub(lambda found: (found[1] or "") + home, argument) for argument in arguments]
    if arguments[:2] in (["synthesize", "crops"], ["synthesize", "acts"]):
        return ["-".join(arguments[:2]), *arguments[2:]]
    return arguments


if __name__ == "__main__":
    main()
