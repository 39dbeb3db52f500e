"""Revisions of the chat schema, applied in order at start."""
