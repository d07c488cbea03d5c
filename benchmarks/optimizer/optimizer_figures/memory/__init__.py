"""O4: what a build needs beside the frameworks that it uses.

``frameworks``, ``findings`` and ``section`` are pure; ``bare`` runs in the builder's environment,
and ``measuring`` starts it.
"""
