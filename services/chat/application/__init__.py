"""Use cases of the assistant and the ports they need."""
