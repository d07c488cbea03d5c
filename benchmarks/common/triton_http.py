"""One request to Triton on a connection of its own, and what came of it.

A program in a pod imports it from the file beside its own, so it is one file with the standard
library alone, and the process that starts the pod imports the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

#: Where this is, for a pod.
SOURCE = Path(__file__)
REQUEST_SECONDS = 10.0
ANSWERED, REFUSED, FAILED = 0, 1, 2
#: Of Triton's queue policy.
_REFUSALS = ("timeout expired", "exceeds maximum queue size")
_OK = "200"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is asked what. ``words``: the whole request, as it goes over the wire."""

    host: str
    port: int
    words: bytes

    @classmethod
    def of(cls, address: str, model: str, body: bytes) -> Target:
        """``address``: HOST:PORT."""
        host, _, port = address.partition(":")
        head = (
            f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return cls(host=host, port=int(port), words=head.encode() + body)


async def asked(target: Target) -> tuple[int, str]:
    """Outcome, and in a few words what failed."""
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            words = await _exchange(target)
    except (OSError, TimeoutError) as error:
        return FAILED, repr(error)
    return judged(words)


async def _exchange(target: Target) -> str:
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        writer.write(target.words)
        return (await reader.read()).decode(errors="replace")
    finally:
        writer.close()


def judged(words: str) -> tuple[int, str]:
    """Outcome of an answer, and in a few words what failed."""
    status, _, rest = words.partition("\r\n")
    if status.split(" ")[1:2] == [_OK]:
        return ANSWERED, ""
    if any(refusal in rest.lower() for refusal in _REFUSALS):
        return REFUSED, ""
    return FAILED, f"{status} {rest.rpartition(chr(10))[2]}"[:120]
