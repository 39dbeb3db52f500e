"""Rules and values of the catalogue: pure Python, no I/O."""
