"""kubectl and helm for one cluster, whichever it is: the only way the harness talks to one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import CommandFailed, WaitTimeout

Done = subprocess.CompletedProcess[str]

_POLL_SECONDS = 0.5
#: Characters of a description that tell most: its end.
_DESCRIBED = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The commands (with their leading arguments) and the variables they run under."""

    name: str
    kubectl_command: tuple[str, ...]
    helm_command: tuple[str, ...]
    env: Mapping[str, str]

    def kubectl(
        self,
        *args: str,
        stdin: str | None = None,
        namespace: str | None = None,
        check: bool = True,
        timeout: float = 120,
    ) -> Done:
        """Run kubectl; ``stdin`` is text for ``-f -``.

        Raises:
            CommandFailed: it failed and ``check`` is set; the message holds its error output.
        """
        place = ["--namespace", namespace] if namespace else []
        return self._run(
            [*self.kubectl_command, *place, *args], stdin, check=check, timeout=timeout
        )

    def helm(self, *args: str, check: bool = True, timeout: float = 300) -> Done:
        """Run helm.

        Raises:
            CommandFailed: it failed and ``check`` is set.
        """
        return self._run([*self.helm_command, *args], None, check=check, timeout=timeout)

    def apply(self, *objects: Mapping[str, Any], namespace: str | None = None) -> None:
        """Server-side apply of plain dicts, as the field manager ``harness``."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.kubectl(
            "apply", "--server-side", "--force-conflicts", "--field-manager=harness", "-f", "-",
            stdin=text, namespace=namespace,
        )  # fmt: skip

    def get(self, *args: str, namespace: str | None = None) -> dict[str, Any] | None:
        """``kubectl get … -o json``, None if it is not there (or nothing answers)."""
        done = self.kubectl("get", *args, "-o", "json", namespace=namespace, check=False)
        if done.returncode != 0:
            return None
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def describe(self, *what: str, namespace: str) -> str:
        """The end of what ``kubectl describe`` says, which has the events."""
        done = self.kubectl("describe", *what, namespace=namespace, check=False)
        return done.stdout[-_DESCRIBED:]

    def _run(self, args: Sequence[str], stdin: str | None, *, check: bool, timeout: float) -> Done:
        try:
            done = subprocess.run(
                list(args),
                input=stdin or "",
                capture_output=True,
                text=True,
                env=dict(self.env),
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CommandFailed(f"{' '.join(args[:6])} …: {error}") from error
        if check and done.returncode != 0:
            raise CommandFailed(f"{' '.join(args)}: {done.stderr.strip() or done.stdout.strip()}")
        return done


def is_ready(item: Mapping[str, Any]) -> bool:
    """Whether a pod or a node has the condition Ready; one without any condition yet has not."""
    conditions = item.get("status", {}).get("conditions", [])
    return any(known["type"] == "Ready" and known["status"] == "True" for known in conditions)


def wait_for(
    predicate: Callable[[], object],
    deadline_seconds: float,
    what: str,
    *,
    state: Callable[[], str] | None = None,
    poll_seconds: float = _POLL_SECONDS,
) -> Any:  # noqa: ANN401 - gives back whatever the predicate found
    """Poll ``predicate`` until it is true, and return what it returned.

    Raises:
        WaitTimeout: after ``deadline_seconds``; the message holds ``what``, the last value and
            ``state()``.
    """
    end = time.monotonic() + deadline_seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            last = state() if state else repr(value)
            raise WaitTimeout(f"{what}: not within {deadline_seconds:g} s; last state: {last}")
        time.sleep(poll_seconds)
