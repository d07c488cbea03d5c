"""Whether running pods still do as the tuning measured: values in, findings out. Pure.

Room: Triton's counters as values, what changed between two looks, the comparison with the
profile. May not know what follows from a finding (``plan``) nor where counters come from.
"""
