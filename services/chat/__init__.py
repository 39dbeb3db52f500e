"""The assistant: answers shoppers from the shop's own articles and products, with citations."""
