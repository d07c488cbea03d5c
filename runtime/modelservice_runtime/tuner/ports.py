"""Ports of the loopback device that nobody listens on."""

from __future__ import annotations

import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Three ports that were free a moment ago."""

    http: int
    grpc: int
    metrics: int

    @classmethod
    def free(cls) -> Ports:
        """Ask the kernel; all three are held until all are known, so they differ."""
        sockets = [socket.socket() for _ in range(3)]
        try:
            for item in sockets:
                item.bind((LOOPBACK, 0))
            http_port, grpc_port, metrics_port = (item.getsockname()[1] for item in sockets)
        finally:
            for item in sockets:
                item.close()
        return cls(http=http_port, grpc=grpc_port, metrics=metrics_port)
