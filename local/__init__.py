"""`aisle up`: the whole platform on one machine, real servers from packages, and the demo shop."""
