"""One simulated run, and what many of them say together."""
