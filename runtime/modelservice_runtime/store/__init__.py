"""Access to a store: a volume (``pvc://``, ``file://``), S3 or HTTPS, behind fsspec.

Room: opening, reading, digest checks and the conditional commit. Both the builder and the
serving side import it: no torch, no model code, and numpy of any version (none is used).
"""
