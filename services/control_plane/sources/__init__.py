"""Where the topology comes from: the contracts' descriptors, and a registry of what runs where."""
