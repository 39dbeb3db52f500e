"""Revisions of the llm schema, applied in order at start."""
