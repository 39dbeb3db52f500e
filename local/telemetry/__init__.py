"""A collector for one machine: takes traces and metrics over OTLP, keeps the last of them, and answers questions."""
