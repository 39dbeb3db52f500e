"""Versions of the recommendation schema, oldest first."""
