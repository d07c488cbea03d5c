"""Code that Triton's Python backend loads; it runs in Triton's own Python process.

Copied into the model repository, where nothing else of this package is beside it: it imports
only what the serving environment has.
"""
