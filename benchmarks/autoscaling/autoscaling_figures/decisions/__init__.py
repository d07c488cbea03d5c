"""D: how long one decision takes. ``measuring`` takes the time; ``findings`` is pure."""
