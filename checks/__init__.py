"""The law of the house, as programs: what `make check` runs beside the linters."""
