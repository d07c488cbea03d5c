"""What all benchmarks share: rows and targets, the file that holds them, machine, and pages.

Standard library and the harness only. A benchmark's own package puts this folder on the path.
"""
