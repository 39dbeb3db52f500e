"""The systems behind the recommendation service's ports."""
