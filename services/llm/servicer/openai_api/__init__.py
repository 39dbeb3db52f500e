"""OpenAI's protocol over the use cases: what clients of the openai SDK send and read, without a hop between."""
