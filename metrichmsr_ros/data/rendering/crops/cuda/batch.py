"""A batch of sketches as flat arrays, and a record of each sketch that says where its parts of them are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.rendering.compiled.floors import Tiles
from metrichmsr_ros.data.rendering.compiled.meshes import Surface, surface_of
from metrichmsr_ros.data.rendering.compiled.records import LIGHT, Record, Records, light_record
from metrichmsr_ros.data.rendering.compiled.shading import Shadows, lamp_view
from metrichmsr_ros.data.rendering.compiled.zbuffer import Float32
from metrichmsr_ros.data.rendering.crops.backdrop import LEVELS, floor_rays, tiles_of
from metrichmsr_ros.data.rendering.crops.picture import SHADOW_REACH, Sketch, lamp_share

_MOST_FEET = 2
_NOWHERE = 1e6  # m; what stands there darkens no floor

FRAME = np.dtype(
    [
        ("first_vertex", "i8"),
        ("vertices", "i8"),
        ("first_face", "i8"),
        ("faces", "i8"),
        ("first_part", "i8"),
        ("first_outfit", "i8"),
        ("first_cloth", "i8"),
        ("first_pixel", "i8"),
        ("width", "i8"),
        ("height", "i8"),
        ("first_ground", "i8"),
        ("ground_width", "i8"),
        ("ground_height", "i8"),
        ("first_paper", "i8"),
        ("paper_width", "i8"),
        ("paper_height", "i8"),
        ("first_texel", "i8"),
        ("levels", "i8"),
        ("starts", "i8", LEVELS + 1),
        ("sides", "i8", LEVELS),
        ("tile", "f8"),
        ("wall", "f8"),
        ("lamp", "f8"),
        ("texel", "f8"),
        ("turn", "f4", (2, 2)),
        ("rays", "f4", (3, 3)),
        ("axes", "f4", (3, 3)),
        ("centre", "f4", 3),
        ("eye", "f4", 3),
        ("feet", "f4", (_MOST_FEET, 2)),
        ("light", LIGHT),
    ],
    align=True,
)
"""One sketch: first rows of its parts of the flat arrays, their lengths, and what a drawing takes beside arrays.

The z-buffer has `width` x `height` pixels, the floor `ground_width` x `ground_height`, the picture `paper_width` x
`paper_height`. `starts` to `wall` and `turn` are the floor's `Tiles`; `texel`, `axes` and `centre` are its `Shadows`.
"""


@dataclass(frozen=True)
class Batch:
    """Sketches one after the other.

    Attributes:
        frames: (N,) of `FRAME`.
        surface: the arrays of all meshes; the numbers in them are those of each mesh.
        texels: (T, 3) of all floors.
        paper: (P, 3) float32, the pixels of all backdrops.
        map_side: side of the shadow maps, px.
    """

    frames: Records
    surface: Surface
    texels: Float32
    paper: Float32
    map_side: int

    @classmethod
    def of(cls, sketches: Sequence[Sketch]) -> Batch:
        """The batch of at least one sketch."""
        surfaces = [surface_of(sketch.mesh, sketch.points) for sketch in sketches]
        tiles = [tiles_of(sketch.floor) for sketch in sketches]
        frames = np.zeros(len(sketches), FRAME)
        lamps = [lamp_view(sketch.light.towards, sketch.middle, SHADOW_REACH) for sketch in sketches]
        for frame, sketch, floor, lamp in zip(frames, sketches, tiles, lamps, strict=True):
            _describe(frame, sketch, floor, lamp)
        for first, lengths in {
            "first_vertex": frames["vertices"],
            "first_face": frames["faces"],
            "first_part": [len(surface.part_outfit) for surface in surfaces],
            "first_outfit": [len(surface.outfits) for surface in surfaces],
            "first_cloth": [len(surface.cloths) for surface in surfaces],
            "first_pixel": frames["width"] * frames["height"],
            "first_ground": frames["ground_width"] * frames["ground_height"],
            "first_paper": frames["paper_width"] * frames["paper_height"],
            "first_texel": [len(floor.texels) for floor in tiles],
        }.items():
            frames[first] = np.cumsum([0, *lengths])[:-1]
        return cls(
            frames,
            Surface(*(np.concatenate(parts) for parts in zip(*surfaces, strict=True))),
            np.concatenate([floor.texels for floor in tiles]),
            np.concatenate([sketch.paper.reshape(-1, 3) for sketch in sketches]),
            len(lamps[0].depth),
        )

    @property
    def shadow_maps(self) -> NDArray[np.int64]:
        """(N, 3) first pixel, width and height of each shadow map."""
        return np.array(
            [(self.map_side**2 * n, self.map_side, self.map_side) for n in range(len(self.frames))], np.int64
        )

    @property
    def rasters(self) -> NDArray[np.int64]:
        """(N, 3) first pixel, width and height of each z-buffer."""
        return np.stack([self.frames[name] for name in ("first_pixel", "width", "height")], 1)


def _describe(frame: Record, sketch: Sketch, floor: Tiles, shadows: Shadows) -> None:
    """Write the record of one sketch, but for the first rows."""
    height, width = sketch.paper.shape[:2]
    ground = max(1, width // 2), max(1, height // 2)
    frame["vertices"], frame["faces"] = len(sketch.mesh.vertices), len(sketch.mesh.faces)
    frame["width"], frame["height"] = sketch.window.raster.size
    frame["ground_width"], frame["ground_height"] = ground
    frame["paper_width"], frame["paper_height"] = width, height
    frame["levels"] = len(floor.sizes)
    frame["starts"][: len(floor.starts)], frame["sides"][: len(floor.sizes)] = floor.starts, floor.sizes
    frame["tile"], frame["wall"], frame["turn"] = floor.tile, floor.wall, floor.turn
    frame["rays"], frame["eye"] = floor_rays(sketch.view, *ground), sketch.view.eye
    frame["lamp"], frame["light"] = lamp_share(sketch.light), light_record(sketch.light)[0]
    frame["axes"], frame["centre"], frame["texel"] = shadows.axes, shadows.centre, shadows.texel
    frame["feet"] = _NOWHERE
    frame["feet"][: len(sketch.feet)] = sketch.feet
