"""The product service: the catalogue, how it is found, and how it is described."""
