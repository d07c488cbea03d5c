"""O1: the artifact that is shipped beside stock recipes, at equal accuracy.

Goal and evaluation data are the manifest's, the same for all. ``peers``, ``findings`` and
``section`` are pure; ``measuring`` starts ``inside`` in the builder's environment, and all other
modules run there.
"""
