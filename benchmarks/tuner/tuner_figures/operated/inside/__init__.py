"""The model of T3.operator, as its user would upload it."""
