"""What should exist: from what was observed to Jobs, manifests' inputs, conditions. Pure.

Room: values in, values out; time comes in as ``now``. May not touch: clients, clock, logs,
``load`` (how many replicas is decided there).
"""
