"""Numbers stated in the paper, for comparison with ours; tables always mark them as the paper's.

MetricHMSR (Song et al., CVPR 2026). Rows were taken from summaries of the paper, not from its PDF; `setting` is the
setting that the summaries name. Units as in the benchmarks' columns.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "as stated in MetricHMSR, CVPR 2026"


@dataclass(frozen=True)
class Published:
    """One row of the paper: the system, its numbers by metric, and its setting."""

    system: str
    values: dict[str, float]
    setting: str = ""


PUBLISHED: dict[str, tuple[Published, ...]] = {
    "3dpw": (
        Published("CameraHMR", {"PA-MPJPE": 35.1, "MPJPE": 56.0, "PVE": 65.9}),
        Published("PromptHMR", {"PA-MPJPE": 35.5, "MPJPE": 56.9, "PVE": 67.3}),
        Published("TRAM", {"PA-MPJPE": 35.6, "MPJPE": 59.3, "PVE": 69.6}),
        Published("MetricHMSR, image only", {"PA-MPJPE": 35.6, "MPJPE": 57.2, "PVE": 66.8}),
        Published("MetricHMSR, ray map, no experts", {"PA-MPJPE": 34.4, "MPJPE": 55.0, "PVE": 64.9}),
        Published("MetricHMSR", {"PA-MPJPE": 33.6, "MPJPE": 53.0, "PVE": 62.7}),
    ),
    "emdb1": (Published("MetricHMSR", {"PA-MPJPE": 43.2, "MPJPE": 70.7, "PVE": 81.6}),),
    "emdb2": (
        Published("TRAM", {"WA-MPJPE": 76.4, "W-MPJPE": 222.4, "RTE": 1.4, "ERVE": 10.3}, "offline"),
        Published("Human3R", {"WA-MPJPE": 112.2, "W-MPJPE": 267.9, "RTE": 2.2}, "online"),
        Published("WHAM", {"WA-MPJPE": 133.3, "W-MPJPE": 343.9, "RTE": 4.6, "ERVE": 14.7}, "online"),
        Published("MetricHMSR", {"WA-MPJPE": 72.1, "W-MPJPE": 199.5, "RTE": 1.4, "ERVE": 10.6}, "predicted extrinsics"),
        Published("MetricHMSR, image only", {"WA-MPJPE": 64.5, "W-MPJPE": 191.8}, "true extrinsics"),
        Published("MetricHMSR", {"WA-MPJPE": 55.6, "W-MPJPE": 152.5}, "true extrinsics"),
    ),
    "rich": (Published("MetricHMSR", {"WA-MPJPE": 109.6, "RTE": 1.9}, "static camera"),),
    "prox": (
        Published("UniDepth", {"AbsRel": 0.24, "MAE": 0.73, "delta1": 0.56}),
        Published("MapAnything", {"AbsRel": 0.18, "MAE": 0.58, "delta1": 0.83}),
        Published("MetricHMSR", {"AbsRel": 0.13, "MAE": 0.46, "delta1": 0.91}),
    ),
    "synfocal": (),
}
