"""Autoscaling in simulated time: the product's own sizing beside its peers, on the same load.

Room: arrivals, replicas with a batcher each, scrapes, faults and controllers on a fake clock. The
product's functions are called as the operator calls them. May not touch: a cluster, a clock.
"""
