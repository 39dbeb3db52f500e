"""The admin's side of the gateway of language models: usage, keys and budgets."""
