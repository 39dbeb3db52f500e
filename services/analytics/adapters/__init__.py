"""The systems behind the analytics service's ports."""
