"""Kubernetes objects that the demo and the tests put beside the operator, as plain dicts. Pure."""
