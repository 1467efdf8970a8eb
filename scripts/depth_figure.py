"""Draw docs/images/depth.png: a frame of the demo's rendered sequence, its depth, and the point cloud with the bodies.

python scripts/depth_figure.py [--frame 40] [--source fastdepth] [--calibration auto]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from metrichmsr_ros.cli.predict import draw_scene
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.io.images import write_image
from metrichmsr_ros.pipeline.pipeline import Pipeline

FIGURE = Path(__file__).parents[1] / "docs" / "images" / "depth.png"


def main() -> None:
    """Run the command in the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIGURE)
    parser.add_argument("--frame", type=int, default=40)
    parser.add_argument("--source", default="fastdepth")
    parser.add_argument("--calibration", default="auto")
    options = parser.parse_args()
    pipeline = Pipeline.from_preset("embedded", body="open", depth=DepthChoice(options.source, options.calibration))
    frame = WalkingSequence(120, 10.0)[options.frame]
    scene = pipeline.estimate(frame.image, frame.camera)
    write_image(options.out, draw_scene(scene, pipeline.faces))
    print(f"{options.out}: {len(scene.people)} people; depth by {scene.depth.source}, {scene.depth.calibration}")


if __name__ == "__main__":
    main()
