"""The admin's side of telemetry: traces of requests, and how every part of the platform does."""
