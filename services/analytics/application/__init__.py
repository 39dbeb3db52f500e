"""What the analytics service does, one verb a file."""
