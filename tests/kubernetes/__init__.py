"""The platform on a real Kubernetes API server."""
