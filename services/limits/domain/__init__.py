"""What a limit is and which one holds: no I/O, no clock."""
