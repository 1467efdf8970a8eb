"""Convert YOLOX-Nano (Megvii, Apache-2.0) to metrichmsr_ros/assets/person_detector.onnx: the class "person" alone.

    python scripts/export_person_detector.py yolox_nano.onnx [--out FILE]

`yolox_nano.onnx` is the export of release 0.1.1rc0 of github.com/Megvii-BaseDetection/YOLOX (80 classes of COCO,
416 x 416 px). The network stays the same except for its borders: the input is RGB instead of BGR and of any size that
is a multiple of 32; of 80 classes the first is kept; each stride (8, 16, 32) has its own output (1, 6, rows, columns).
Weights are stored as float16; ONNX Runtime turns them back when it loads the file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from metrichmsr_ros.io.whole_files import write_whole

PERSON = 0
STRIDES = (8, 16, 32)
ASSET = Path(__file__).resolve().parent.parent / "metrichmsr_ros" / "assets" / "person_detector.onnx"
SOURCE = "YOLOX-Nano, release 0.1.1rc0 of github.com/Megvii-BaseDetection/YOLOX, Apache-2.0, changed: one class"


def convert(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network of the module's docstring."""
    weights = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    nodes, joined = [], []
    for node in model.graph.node:
        if node.op_type == "Reshape":  # behind it the outputs of all strides are joined
            joined.append(node.input[0])
        nodes.append(node)
    for name in [name for name in weights if "cls_preds" in name]:
        weights[name] = weights[name][PERSON : PERSON + 1]
    stem = next(node for node in nodes if node.op_type == "Conv")
    kernel = weights[stem.input[1]]  # reads four images, each of a quarter of the pixels, of three colours
    weights[stem.input[1]] = kernel.reshape(len(kernel), -1, 3, *kernel.shape[2:])[:, :, ::-1].reshape(kernel.shape)
    needed = _needed(nodes, joined)
    casts, initializers = [], []
    for name, values in weights.items():
        if not any(name in node.input for node in needed):
            continue
        if values.dtype == np.float32 and values.size > 16:
            initializers.append(numpy_helper.from_array(values.astype(np.float16), f"{name}:half"))
            casts.append(helper.make_node("Cast", [f"{name}:half"], [name], to=TensorProto.FLOAT))
        else:
            initializers.append(numpy_helper.from_array(values, name))
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "height", "width"])
    outputs = [helper.make_node("Identity", [name], [f"stride{s}"]) for name, s in zip(joined, STRIDES, strict=True)]
    values = [
        helper.make_tensor_value_info(f"stride{s}", TensorProto.FLOAT, [1, 6, f"rows{s}", f"columns{s}"])
        for s in STRIDES
    ]
    graph = helper.make_graph([*casts, *needed, *outputs], "person_detector", [image], values, initializers)
    result = helper.make_model(graph, opset_imports=model.opset_import, doc_string=SOURCE)
    result.ir_version = model.ir_version
    onnx.checker.check_model(result)
    return result


def _needed(nodes: list[onnx.NodeProto], outputs: list[str]) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, in order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx", type=Path, help="yolox_nano.onnx")
    parser.add_argument("--out", type=Path, default=ASSET)
    options = parser.parse_args()
    write_whole(options.out, convert(onnx.load(str(options.onnx))).SerializeToString())
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
