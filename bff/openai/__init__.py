"""The models of the shop for programs that speak OpenAI's protocol."""
