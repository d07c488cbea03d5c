"""A real Triton on this machine that serves one artifact as a replica does.

``settings`` is pure; ``triton`` starts it, changes it and stops it; ``ending`` ends processes.
"""
