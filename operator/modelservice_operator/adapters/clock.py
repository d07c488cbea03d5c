"""The wall clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Clock of the machine, UTC."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        return datetime.now(UTC)
