"""O2: the gate catches what it should.

Faults as they happen are put into the examples' real models: a change of the ONNX graph or of its
weights, in two strengths. What each of them really costs is measured on a population of 10,000
rows or more; then the gate, and three simpler checks, judge samples drawn from it.

``kinds``, ``findings`` and ``section`` are pure; ``measuring`` starts ``inside`` in the builder's
environment, and all other modules run there.
"""
