"""Who asks: accounts, passwords, tokens and anonymous visitors."""
