"""What a ModelService is: spec, names, keys, conditions. Pure; knows nothing above it."""
