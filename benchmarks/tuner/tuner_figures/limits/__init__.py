"""T7: what a limit on waiting costs at light loads, measured and simulated."""
