"""Gateways to language models, measured side by side: one upstream, one load, one core each, in one run."""
