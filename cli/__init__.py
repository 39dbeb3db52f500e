"""The `aisle` command: one file per subcommand, clients of the services only."""
