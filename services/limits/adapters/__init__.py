"""The outside: counters in Redis, the table of limits in a file."""
