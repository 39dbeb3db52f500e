"""The llm service chooses a model and a provider by cost, quality and health, and streams what they generate."""
