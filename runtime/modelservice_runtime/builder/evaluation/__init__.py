"""What the artifact must still do: evaluation data, their three parts, and the metrics on them.

Room: arrays in, evidence out. Files are read here and the user's own metric runs in a process of
its own; models are run elsewhere, and whether evidence suffices is decided in ``gate``.
"""
