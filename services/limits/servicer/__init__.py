"""What Envoy asks, answered."""
