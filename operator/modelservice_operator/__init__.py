"""The operator: from a ModelService to a tuned, self-balancing Triton deployment.

Importing this package imports no client library: kopf, kubernetes and the others are reached
from :mod:`modelservice_operator.__main__` only.
"""
