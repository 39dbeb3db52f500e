"""Versions of the analytics schema, oldest first."""
