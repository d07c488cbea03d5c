"""What the operator and its pods say to each other. Standard library only.

Room: values (requests, results, manifest, profile, Triton model configuration), their JSON
form, exit codes and the layout of a store. No IO, no clock, no third-party import: both the
operator (numpy-free) and every pod environment import it.
"""
