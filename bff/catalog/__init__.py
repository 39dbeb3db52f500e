"""The catalogue: lists, search, products, reviews and the writing of descriptions."""
