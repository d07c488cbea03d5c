"""What runs: ask the pods, take one step, remember. The IO between ``plan`` and the Tritons.

Room: the sequence of asking, acting and writing down for one running service. May not decide
anything itself; knows Tritons and the cluster through ports only.
"""
