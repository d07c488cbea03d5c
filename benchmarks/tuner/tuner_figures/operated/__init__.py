"""T3 through the operator: the goal of a service changes while requests come.

``findings``, ``manifests`` and ``section`` are pure; ``inside`` is the model; ``service`` looks at
the service on a local cluster, ``measuring`` changes its goal.
"""
