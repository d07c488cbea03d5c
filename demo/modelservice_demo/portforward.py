"""``kubectl port-forward`` as a context: a port of this machine for one of a Service."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from modelservice_harness.access import Access
from modelservice_harness.errors import CommandFailed

_FORWARDING = re.compile(r"Forwarding from (127\.0\.0\.1:\d+)")


@contextmanager
def port_forward(access: Access, namespace: str, service: str, port: int) -> Iterator[str]:
    """Yield ``127.0.0.1:PORT`` while the forwarding lasts.

    Raises:
        CommandFailed: kubectl ended without forwarding.
    """
    command = [
        *access.kubectl_command,
        *("--namespace", namespace, "port-forward", f"service/{service}", f":{port}"),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(access.env),
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stdout or ():
        found = _FORWARDING.search(line)
        if found:
            return found[1]
        said.append(line)
    raise CommandFailed(f"kubectl port-forward: {''.join(said).strip()}")
