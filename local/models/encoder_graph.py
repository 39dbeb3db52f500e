"""Builds the sentence encoder as one ONNX graph from its packaged weights and keeps the built graph in a cache folder.

The graph goes from token ids to unit vectors. Attention, skip connections with normalisation and biased GELU use
onnxruntime's fused operators, so nothing is left for the runtime's optimiser to discover. Mean pooling is a sum here:
the vector is scaled to length one afterwards, and a sum differs from a mean only in length.

Run as a program (`python -m local.models.encoder_graph FOLDER fp32`) it builds the graph and prints its path. The
server does this in a child process, so the memory that building needs is gone when serving starts.
"""

import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

from local.models.packages import embedding_model_folder
from local.models.settings import Precision

Weights: TypeAlias = dict[str, NDArray[np.float32]]

LAYOUT = "1"
"""Part of the cached graph's name: raise it when the graph built from the same weights changes."""

_FUSED = "com.microsoft"
_MASKED = -10_000.0


@dataclass(frozen=True)
class EncoderShape:
    """The numbers that make one BERT encoder differ from another."""

    layers: int
    heads: int
    width: int
    epsilon: float

    @classmethod
    def read(cls, folder: Path) -> "EncoderShape":
        """Reads the shape from the model's own configuration."""
        config = json.loads((folder / "config.json").read_text())
        return cls(
            config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"], config["layer_norm_eps"]
        )


class _Assembly:
    """The nodes and weights of a graph under construction."""

    def __init__(self, weights: Weights, shape: EncoderShape) -> None:
        self.weights = weights
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def node(self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        made = helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        self.nodes.append(made)
        return output

    def embeddings(self) -> str:
        prefix = "embeddings."
        # Every text is a single segment here, so the segment's vector is part of each position's.
        positions = self.weights[prefix + "position_embeddings.weight"]
        positions = positions + self.weights[prefix + "token_type_embeddings.weight"][0]
        words = self.weights[prefix + "word_embeddings.weight"].astype(np.float16)
        self.node("Gather", [self.constant("words", words), "input_ids"], "words_half")
        self.node("Cast", ["words_half"], "words_full", to=TensorProto.FLOAT)
        self.node("Shape", ["input_ids"], "length", start=1, end=2)
        starts = self.constant("zero", np.array([0], np.int64))
        self.node("Slice", [self.constant("positions", positions), starts, "length", starts], "places")
        self.node("Add", ["words_full", "places"], "embedded")
        norm = [self.weight(prefix + "LayerNorm.weight"), self.weight(prefix + "LayerNorm.bias")]
        return self.node("LayerNormalization", ["embedded", *norm], "hidden", axis=-1, epsilon=self.shape.epsilon)

    def skip(self, new: str, old: str, prefix: str, output: str) -> str:
        inputs = [new, old, self.weight(prefix + "LayerNorm.weight"), self.weight(prefix + "LayerNorm.bias")]
        return self.node(
            "SkipLayerNormalization",
            [*inputs, self.weight(prefix + "dense.bias")],
            output,
            domain=_FUSED,
            epsilon=self.shape.epsilon,
        )

    def dense(self, value: str, name: str) -> str:
        matrix = self.constant(name, self.weights[name].T)
        return self.node("MatMul", [value, matrix], name + ".product")

    def layer(self, index: int, hidden: str) -> str:
        prefix = f"encoder.layer.{index}."
        parts = [f"{prefix}attention.self.{part}." for part in ("query", "key", "value")]
        matrix = np.concatenate([self.weights[part + "weight"].T for part in parts], axis=1)
        bias = np.concatenate([self.weights[part + "bias"] for part in parts])
        attention = self.node(
            "Attention",
            [hidden, self.constant(prefix + "qkv", matrix), self.constant(prefix + "qkv.bias", bias), "attention_mask"],
            prefix + "attention",
            domain=_FUSED,
            num_heads=self.shape.heads,
            mask_filter_value=_MASKED,
        )
        projected = self.dense(attention, prefix + "attention.output.dense.weight")
        hidden = self.skip(projected, hidden, prefix + "attention.output.", prefix + "attended")
        wide = self.dense(hidden, prefix + "intermediate.dense.weight")
        curved = self.node(
            "BiasGelu", [wide, self.weight(prefix + "intermediate.dense.bias")], prefix + "gelu", domain=_FUSED
        )
        narrow = self.dense(curved, prefix + "output.dense.weight")
        return self.skip(narrow, hidden, prefix + "output.", prefix + "out")

    def pooling(self, hidden: str) -> str:
        self.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
        self.node("Unsqueeze", ["mask", self.constant("one", np.array([1], np.int64))], "row")
        self.node("MatMul", ["row", hidden], "summed")
        self.node("Squeeze", ["summed", "one"], "pooled")
        return self.node("LpNormalization", ["pooled"], "vectors", axis=-1, p=2)


def build_graph(weights: Weights, shape: EncoderShape) -> onnx.ModelProto:
    """The encoder in full precision: (input_ids, attention_mask) int32 [batch, length] to vectors [batch, width]."""
    assembly = _Assembly(weights, shape)
    hidden = assembly.embeddings()
    for index in range(shape.layers):
        hidden = assembly.layer(index, hidden)
    assembly.pooling(hidden)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", shape.width])
    graph = helper.make_graph(assembly.nodes, "sentence_encoder", inputs, [output], assembly.constants)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=8)


def graph_path(home: Path, folder: Path, precision: Precision) -> Path:
    """Where the graph for these weights is kept: its name changes with the weights and with the layout."""
    digest = hashlib.sha256(LAYOUT.encode())
    with (folder / "model.safetensors").open("rb") as weights:
        while block := weights.read(1 << 20):
            digest.update(block)
    return home / f"encoder-{precision}-{digest.hexdigest()[:16]}.onnx"


def ensure_graph(home: Path, precision: Precision) -> Path:
    """Returns the cached graph and builds it first when it is not there yet."""
    folder = embedding_model_folder()
    target = graph_path(home, folder, precision)
    if target.exists():
        return target
    home.mkdir(parents=True, exist_ok=True)
    graph = build_graph(load_file(folder / "model.safetensors"), EncoderShape.read(folder))
    # Built beside the target and renamed: a reader sees a whole graph or none, even when two servers build at once.
    with tempfile.TemporaryDirectory(dir=home) as workshop:
        full, small = Path(workshop) / "full.onnx", Path(workshop) / "small.onnx"
        onnx.save_model(graph, full)
        if precision is Precision.INT8:
            _quantize(full, small)
        finished = small if precision is Precision.INT8 else full
        with finished.open("rb") as written:
            os.fsync(written.fileno())
        finished.replace(target)
    return target


def _quantize(full: Path, small: Path) -> None:
    """Turns the constant matrices into 8-bit ones, a scale per column; inputs are quantised as they arrive."""
    quantize_dynamic(
        full,
        small,
        op_types_to_quantize=["MatMul", "Attention"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
    )


if __name__ == "__main__":
    sys.stdout.write(f"{ensure_graph(Path(sys.argv[1]), Precision(sys.argv[2]))}\n")
