"""What all tests share: that a slow machine is no failure of a property test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A timing is never a test. Whoever draws a text first in a new clone waits for Hypothesis's table
# of characters, whoever simulates first for the compiler: both longer than it allows a test.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
