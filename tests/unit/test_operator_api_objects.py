"""Where objects are in the API, what answers hold, and answers that may be a little old."""

from __future__ import annotations

import asyncio

import pytest

from modelservice_operator.adapters.api_objects import document_of, items_of, path_of
from modelservice_operator.adapters.recent import Recent
from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError


@pytest.mark.parametrize(
    ("where", "path"),
    [
        (("Pod", "demo", "a"), "/api/v1/namespaces/demo/pods/a"),
        (("Deployment", "demo"), "/apis/apps/v1/namespaces/demo/deployments"),
        ((names.KIND,), "/apis/modelservice.dev/v1alpha1/modelservices"),
    ],
)
def test_a_path_names_one_object_or_all_of_a_namespace_or_all(
    where: tuple[str, ...], path: str
) -> None:
    assert path_of(*where) == path


def test_a_list_s_items_are_its_objects() -> None:
    assert items_of(b'{"items": [{"kind": "Pod"}]}') == [{"kind": "Pod"}]
    assert items_of(b"{}") == []


@pytest.mark.parametrize(("content", "words"), [(b"<html>", "no JSON"), (b"[1]", "no object")])
def test_what_is_no_object_is_no_answer(content: bytes, words: str) -> None:
    with pytest.raises(UnavailableError, match=words):
        document_of(content)


class Asked:
    """Answers with how often it was asked; fails while ``broken``."""

    def __init__(self) -> None:
        self.now, self.times, self.broken = 0.0, 0, False
        self.recent = Recent(self.ask, seconds=60.0, clock=lambda: self.now)

    async def ask(self, key: str) -> str:
        """Once more."""
        self.times += 1
        if self.broken:
            raise UnavailableError("not now")
        return f"{key} {self.times}"

    def of(self, key: str) -> str:
        """What is told to who asks."""
        return asyncio.run(self.recent.of(key))


def test_within_the_time_the_same_is_asked_once() -> None:
    asked = Asked()
    assert [asked.of("a"), asked.of("a"), asked.of("b")] == ["a 1", "a 1", "b 2"]
    asked.now = 59.0
    assert asked.of("a") == "a 1"
    asked.now = 60.0
    assert asked.of("a") == "a 3"


def test_a_failure_is_no_answer() -> None:
    asked = Asked()
    asked.broken = True
    with pytest.raises(UnavailableError):
        asked.of("a")
    asked.broken = False
    assert asked.of("a") == "a 2"
