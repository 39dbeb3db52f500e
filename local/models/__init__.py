"""The embedded model server: a small chat model and a sentence encoder behind an OpenAI-compatible HTTP interface."""
