"""Write docs/images/demo.gif: the node's overlay images of `make demo`, small enough for a README.

make demo && .venv/bin/python scripts/demo_gif.py out/demo/overlay.mp4     # needs pillow
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 440, 290
ROWS = slice(40, 462)  # of 480; rows without people are cropped
FIRST, LAST, STEP = 14, 110, 2  # frames of a video of 10 per second
COLOURS = 128


def frames(video: Path) -> Iterator[NDArray[np.uint8]]:
    """The cropped and resized images, (HEIGHT, WIDTH, 3) uint8 RGB."""
    capture = cv2.VideoCapture(str(video))
    for index in range(LAST):
        found, image = capture.read()
        if not found:
            raise SystemExit(f"{video}: ends after {index} frames; make it with `make demo`")
        if index >= FIRST and (index - FIRST) % STEP == 0:
            yield cv2.resize(image[ROWS], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)[..., ::-1]


def main() -> None:
    """Write the GIF with one palette for all images: the file stays small and the colors do not flicker."""
    images = [np.ascontiguousarray(image) for image in frames(Path(sys.argv[1]))]
    palette = Image.fromarray(np.vstack(images[::4])).quantize(
        COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    first, *rest = [Image.fromarray(image).quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    out = Path(__file__).parents[1] / "docs" / "images" / "demo.gif"
    first.save(out, save_all=True, append_images=rest, duration=100 * STEP, loop=0, optimize=True)
    print(f"wrote {out}, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
