"""Interactions, candidates, ranking and shelves: pure values and rules."""
