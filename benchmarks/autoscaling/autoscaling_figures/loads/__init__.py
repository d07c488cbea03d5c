"""The traffic: made up from a seed, or recorded by others. Pure, but for reading files."""
