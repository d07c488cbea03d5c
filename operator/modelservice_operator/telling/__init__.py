"""What a person asks for: one service explained, all services in a table.

Room: objects and the operator's own figures in, text out. May not touch: clients, clocks.
"""
