"""The graph built from weights gives unit vectors that depend on the text alone, not on its company."""

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from local.models.encoder import padded
from local.models.encoder_graph import EncoderShape, Weights, build_graph

SHAPE = EncoderShape(layers=2, heads=2, width=16, epsilon=1e-12)


def random_weights(shape: EncoderShape, vocabulary: int = 50, positions: int = 32) -> Weights:
    random = np.random.default_rng(3)

    def matrix(*size: int) -> NDArray[np.float32]:
        return random.standard_normal(size).astype(np.float32)

    weights: Weights = {
        "embeddings.word_embeddings.weight": matrix(vocabulary, shape.width),
        "embeddings.position_embeddings.weight": matrix(positions, shape.width),
        "embeddings.token_type_embeddings.weight": matrix(2, shape.width),
    }
    dense = {
        "attention.self.query": (16, 16),
        "attention.self.key": (16, 16),
        "attention.self.value": (16, 16),
        "attention.output.dense": (16, 16),
        "intermediate.dense": (64, 16),
        "output.dense": (16, 64),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}."
        for name, size in dense.items():
            weights[f"{prefix}{name}.weight"], weights[f"{prefix}{name}.bias"] = matrix(*size), matrix(size[0])
        norms += [prefix + "attention.output.LayerNorm", prefix + "output.LayerNorm"]
    for name in norms:
        weights[name + ".weight"], weights[name + ".bias"] = matrix(shape.width), matrix(shape.width)
    return weights


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    graph = build_graph(random_weights(SHAPE), SHAPE)
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


def vectors(session: onnxruntime.InferenceSession, tokens: list[list[int]]) -> NDArray[np.float32]:
    ids, mask = padded(tokens)
    found: NDArray[np.float32] = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    return found


def test_vectors_have_length_one(session: onnxruntime.InferenceSession) -> None:
    found = vectors(session, [[1, 2, 3], [4, 5, 6]])
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_a_text_has_the_same_vector_alone_and_padded_beside_a_longer_one(session: onnxruntime.InferenceSession) -> None:
    alone = vectors(session, [[7, 8]])[0]
    beside = vectors(session, [[7, 8], [9, 10, 11, 12, 13, 14]])[0]
    assert beside == pytest.approx(alone, abs=1e-5)


def test_the_order_of_words_matters(session: onnxruntime.InferenceSession) -> None:
    one, other = vectors(session, [[7, 8, 9], [9, 8, 7]])
    assert float(one @ other) < 0.999
