"""What all tests of the tuner share."""

from __future__ import annotations

from hypothesis import settings

# Whoever simulates first waits for the compiler, which takes longer than a test may.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
