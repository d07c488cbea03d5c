"""Structured logs: one JSON object a line, or plain text for people."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

#: Fields that callers pass by ``extra=`` and that name the object.
OBJECT_FIELDS = ("namespace", "service")

#: Loggers that repeat what we say, or talk of every request.
_QUIET = ("kopf", "aiohttp.access", "urllib3", "asyncio")


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "logger", "message", "namespace", "service", "error"}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: v for name in OBJECT_FIELDS if (v := getattr(record, name, None))}
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """``12:00:00 info namespace/service: message``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback if there is one."""
        moment = datetime.fromtimestamp(record.created, UTC)
        fields = [str(v) for name in OBJECT_FIELDS if (v := getattr(record, name, None))]
        where = "/".join(fields) + ": " if fields else ""
        line = f"{moment:%H:%M:%S} {record.levelname.lower()} {where}{record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(log_format: str, *, verbose: bool) -> None:
    """Set the root logger up. ``log_format``: json or plain."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
