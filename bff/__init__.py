"""The shop's face: REST, WebSocket and an OpenAI-compatible endpoint over the services' contracts."""
