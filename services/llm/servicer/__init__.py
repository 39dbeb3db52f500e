"""The edges of the llm service: gRPC and OpenAI's protocol over the same use cases."""
