"""The contract of the analytics service."""
