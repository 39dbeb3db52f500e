"""The rules of the llm service, without I/O."""
