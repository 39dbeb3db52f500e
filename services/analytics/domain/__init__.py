"""Events, intervals and tables: pure values."""
