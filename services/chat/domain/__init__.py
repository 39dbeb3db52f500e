"""Rules and values of the assistant, free of any protocol."""
