"""How a process lives in the mesh: configuration, server, channel, health, errors, telemetry. Knows no service."""
