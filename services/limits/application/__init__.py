"""The use case, and what it needs from outside."""
