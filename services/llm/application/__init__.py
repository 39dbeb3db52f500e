"""What the llm service can be asked to do."""
