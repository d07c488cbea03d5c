"""S: what each constant of the product is worth, on traffic that is made up.

``constants``: which there are; ``measuring``: the runs; ``findings`` and ``section`` are pure.
"""
