"""Recommendations with the cards of the recommended products."""
