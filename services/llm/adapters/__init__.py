"""The outside systems of the llm service, one file each."""
