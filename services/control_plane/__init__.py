"""The control plane: turns the contracts' policies and a registry of services into what every Envoy runs on."""
