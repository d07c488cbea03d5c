"""How many replicas: from load and capacity to a decision with its reason. Pure.

Room: values in, values out; time comes in as ``now``, memory as a state that is given back.
May not touch: clients, clock, logs, ``plan``.
"""
