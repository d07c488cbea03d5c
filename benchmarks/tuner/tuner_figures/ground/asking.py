"""The pod that asks: started, told to ask, told to stop."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton_http

from modelservice_harness.access import Access, is_ready, wait_for
from modelservice_harness.errors import CommandFailed
from modelservice_harness.images import USER
from modelservice_harness.processes import tail
from tuner_figures.serving.ending import started

from . import answers
from .answers import Answers
from .pod import ASKING, asking

_PROGRAMS = (Path(__file__).parent / "inside" / "asking.py", triton_http.SOURCE)
_READY_SECONDS, _END_SECONDS = 180.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``address``: HOST:PORT of a Service's HTTP; ``rate``: requests a second."""

    address: str
    model: str
    rate: float


@dataclass(slots=True, kw_only=True)
class Asked:
    """What came of a run, once it ended."""

    answers: Answers | None = None

    def found(self) -> Answers:
        """All of it.

        Raises:
            CommandFailed: it has not ended.
        """
        if self.answers is None:
            raise CommandFailed("who asks has not ended")
        return self.answers


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingPod:
    """In its namespace. ``folder``: for what it says."""

    access: Access
    namespace: str
    folder: Path

    def start(self, image: str, inputs: list[Mapping[str, Any]]) -> None:
        """It, and wait until it can be told something. ``inputs``: tensors of the request.

        Raises:
            WaitTimeout: it does not come up.
        """
        programs = {
            **{file.name: file.read_text(encoding="utf-8") for file in _PROGRAMS},
            "request.json": json.dumps({"inputs": inputs}),
        }
        self.access.apply(*asking(self.namespace, image, USER, programs))
        wait_for(
            lambda: is_ready(self.access.get("pod", ASKING, namespace=self.namespace) or {}),
            _READY_SECONDS,
            f"pod {self.namespace}/{ASKING}",
            state=lambda: self.access.describe("pod", ASKING, namespace=self.namespace),
        )

    def run(self, *words: str, seconds: float) -> str:
        """A command in it; what it says.

        Raises:
            CommandFailed: it failed, or took longer.
        """
        return self.access.kubectl(
            "exec", ASKING, "--", *words, namespace=self.namespace, timeout=seconds
        ).stdout

    def ask(self, question: Question, seconds: float) -> Answers:
        """For so long.

        Raises:
            CommandFailed: it broke off.
        """
        words = _command(question, seconds)
        return _answers(self.run(*words, seconds=seconds + _END_SECONDS))

    @contextmanager
    def asks(self, question: Question, most_seconds: float) -> Iterator[Asked]:
        """While the context lasts; what came of it is there at its end.

        Raises:
            CommandFailed: it broke off.
        """
        asked, log = Asked(), self.folder / "asking.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [
            *self.access.kubectl_command, "--namespace", self.namespace, "exec", ASKING, "--",
            *_command(question, most_seconds),
        ]  # fmt: skip
        with started(words, self.access.env, log) as process:
            yield asked
            self.run("touch", "/tmp/stop", seconds=_END_SECONDS)  # noqa: S108 - a path in the pod
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise CommandFailed(f"who asks does not end: {tail(log, 3)}") from error
        asked.answers = _answers(log.read_text(encoding="utf-8"))


def _command(question: Question, seconds: float) -> list[str]:
    words = ["python", "/asking/asking.py", question.address, question.model]
    return [*words, "/asking/request.json", f"{question.rate:.3f}", f"{seconds:g}"]


def _answers(text: str) -> Answers:
    try:
        return answers.parsed(text)
    except answers.UnreadableError as error:
        raise CommandFailed(str(error)) from error
