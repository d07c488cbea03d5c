"""Turns a checkout into running things: environments, a local cluster, an installed operator.

Room: getting programs (PyPI, Debian, Go) into a cache outside the tree, starting the local
cluster, installing the chart, running the test suites. Standard library only, so that a bare
Python 3.11 can run it before anything else exists. It is not shipped in the wheel.
"""
