"""The demo shop Lantern & Loom: its catalogue, reviews, articles, shoppers, events and pictures."""
