"""Use cases of the catalogue, one verb a file, and the ports they need."""
