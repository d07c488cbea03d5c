"""Structured pruning of a torch module: what may go, how much of it, and the training after."""
