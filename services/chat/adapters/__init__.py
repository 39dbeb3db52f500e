"""One file per outside system the assistant talks to."""
