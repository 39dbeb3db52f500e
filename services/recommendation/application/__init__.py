"""What the recommendation service does, one verb a file."""
