"""Every command of docs/balancing.md, on a real cluster; explain and top, as people call them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelservice_harness.controls import Operator
from modelservice_harness.install import OPERATOR_NAMESPACE, RELEASE

TEXT = (Path(__file__).parents[2] / "docs" / "balancing.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
TOLD_SECONDS = 60.0


def environment(cluster: Any, **more: str) -> dict[str, str]:
    """Of a person at the keyboard, with the cluster's kubeconfig."""
    kubeconfig = cluster.local.home / cluster.local.name / "kubeconfig"
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "KUBECONFIG": str(kubeconfig), **more}


def asked(cluster: Any, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What ``python -m modelservice_operator`` answers."""
    command = [sys.executable, "-m", "modelservice_operator", *arguments]
    env = environment(cluster, **more)
    return subprocess.run(
        command, capture_output=True, text=True, env=env, timeout=120, check=False
    )


@pytest.fixture
def chat(
    cluster: Any,
    namespace: str,
    modelservice: Callable[..., dict[str, Any]],
    wait_for: Callable[..., Any],
) -> str:
    """A namespace with the service ``chat``, of which the operator tells something."""
    cluster.access.apply(modelservice("chat"))
    labels = f'namespace="{namespace}"'

    def told() -> bool:
        service = f"/api/v1/namespaces/{OPERATOR_NAMESPACE}/services/{RELEASE}:metrics/proxy"
        done = cluster.access.kubectl("get", "--raw", f"{service}/metrics", check=False)
        return labels in done.stdout

    wait_for(told, TOLD_SECONDS, "figures of the service")
    return namespace


def run(cluster: Any, namespace: str, line: str) -> tuple[int, str]:
    """A line of the page, with the test's namespace for the page's."""
    words: Sequence[str] = [namespace if w == "demo" else w for w in shlex.split(line)]
    if words[0] == "kubectl":
        done = cluster.access.kubectl(*words[1:], check=False)
        return done.returncode, done.stdout
    assert words[0] == "python"
    if "--watch" in words:
        return watched(cluster, words)
    done = asked(cluster, *words[3:])
    return done.returncode, done.stdout


def watched(cluster: Any, words: Sequence[str]) -> tuple[int, str]:
    """Of a command that goes on: its second answer, and how it ends when it is interrupted."""
    with subprocess.Popen(
        # A shell's background job ignores the interrupt, and hands that on.
        ["env", "--default-signal=INT", sys.executable, *words[1:]],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(cluster),
    ) as process:
        assert process.stdout is not None
        heads, text, deadline = 0, "", time.monotonic() + 120
        while heads < 2 and time.monotonic() < deadline:
            line = process.stdout.readline()
            heads += line.startswith("NAMESPACE")
            text += line
        text += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=30), text


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_does_what_it_says(cluster: Any, chat: str, line: str) -> None:
    code, out = run(cluster, chat, line)
    assert code == 0, out
    assert "chat" in out


def test_load_and_gpus_come_through_the_api_server(cluster: Any, chat: str) -> None:
    for arguments in (["top", "-n", chat], ["explain", "chat", "-n", chat]):
        done = asked(cluster, *arguments)
        assert done.returncode == 0, done.stderr
        assert "not shown" not in done.stdout


def test_without_the_operator_s_figures_the_rest_is_shown(cluster: Any, chat: str) -> None:
    done = asked(cluster, "top", "-n", chat, "--operator-namespace", chat)
    assert done.returncode == 0, done.stderr
    assert "chat" in done.stdout
    assert f"not shown: there is no operator in namespace {chat}" in done.stdout


def test_what_cannot_be_told_is_said(cluster: Any, namespace: str, tmp_path: Path) -> None:
    absent = asked(cluster, "explain", "nothing", "-n", namespace)
    assert (absent.returncode, absent.stdout) == (1, "")
    assert f"there is no ModelService nothing in namespace {namespace}" in absent.stderr
    nowhere = asked(cluster, "top", KUBECONFIG=str(tmp_path / "none"))
    assert nowhere.returncode == 3
    assert "there is no cluster to ask" in nowhere.stderr


def test_who_may_not_read_services_is_told_so(cluster: Any, namespace: str, tmp_path: Path) -> None:
    token = cluster.access.kubectl("create", "token", "default", namespace=namespace).stdout.strip()
    kubeconfig = cluster.local.home / cluster.local.name / "kubeconfig"
    weak = tmp_path / "kubeconfig"
    weak.write_bytes(kubeconfig.read_bytes())
    weak.chmod(0o600)
    for arguments in (
        ["config", "set-credentials", "weak", f"--token={token}"],
        ["config", "set-context", "--current", "--user=weak"],
    ):
        cluster.access.kubectl(f"--kubeconfig={weak}", *arguments)
    done = asked(cluster, "explain", "chat", "-n", namespace, KUBECONFIG=str(weak))
    assert done.returncode == 3
    assert "forbidden" in done.stderr


def test_what_was_learned_outlives_the_operator(
    cluster: Any, chat: str, operator: Operator, wait_for: Callable[..., Any]
) -> None:
    """Ended in order, it writes; the next one reads it, and says so by nothing in its log."""
    before = operator.pod()
    cluster.access.kubectl("delete", "pod", before, namespace=OPERATOR_NAMESPACE)
    operator.wait_until_available()

    def kept() -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = cluster.access.get(
            "configmap", "chat-balancing", namespace=chat
        )
        return found

    owner = wait_for(kept, TOLD_SECONDS, "the ConfigMap")["metadata"]["ownerReferences"][0]
    assert owner["kind"] == "ModelService"
    assert operator.pod() != before
    assert "What the balancer had learned is not used" not in operator.logs()
