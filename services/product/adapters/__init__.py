"""The outside systems behind the ports: PostgreSQL, Milvus, the media store and the llm service."""
