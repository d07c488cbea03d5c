"""What ``prepare.py`` and the examples' ``data.py`` share. Standard library only."""
