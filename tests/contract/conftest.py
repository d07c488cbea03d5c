"""What the contract tests read: the CRD, the chart as Helm renders it, the lock."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

BINARY_VARIABLE = "MODELSERVICE_LOCALCLUSTER"

NOTES_TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data: {notes: {{ tpl (.Files.Get "notes-to-render.txt") . | toJson }}}
"""

Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def chart(repository: Path) -> Path:
    """The chart's folder."""
    return repository / "charts" / "modelservice-operator"


@pytest.fixture(scope="session")
def values(chart: Path) -> dict[str, Any]:
    """The chart's values.yaml."""
    parsed: dict[str, Any] = yaml.safe_load((chart / "values.yaml").read_text())
    return parsed


@pytest.fixture(scope="session")
def crd(repository: Path) -> dict[str, Any]:
    """The CustomResourceDefinition."""
    path = repository / "crds" / "modelservices.modelservice.dev.yaml"
    parsed: dict[str, Any] = yaml.safe_load(path.read_text())
    return parsed


@pytest.fixture(scope="session")
def version(crd: Mapping[str, Any]) -> dict[str, Any]:
    """The one version of the API."""
    (only,) = crd["spec"]["versions"]
    parsed: dict[str, Any] = only
    return parsed


@pytest.fixture(scope="session")
def schema(version: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of the whole object."""
    root: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return root


@pytest.fixture(scope="session")
def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same as JSON schema that refuses unknown fields, as kubectl does."""
    return closed(schema)


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {name: closed(child) for name, child in schema["properties"].items()}
        result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = closed(schema["items"])
    if schema.get("nullable"):
        result["type"] = [schema["type"], "null"]
    # metadata is the API server's own.
    return result if result.get("properties") or schema.get("type") != "object" else dict(schema)


@pytest.fixture(scope="session")
def helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``helm(*args)``: the helm inside the localcluster program; fails where there is none."""
    binary = os.environ.get(BINARY_VARIABLE, "")
    if not Path(binary).is_file():
        pytest.fail(
            f"{BINARY_VARIABLE} must be the path of the localcluster program (it holds helm),"
            f" but is {binary!r}. `make test` builds it and sets this."
        )

    def run(*args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [binary, "helm", "--", *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., subprocess.CompletedProcess[str]], chart: Path) -> Render:
    """``render(values)``: the objects of the chart, as ``helm template`` gives them.

    Rendered once per set of values: the program is large and slow to start.
    """

    @functools.cache
    def rendered(values: str, release: str) -> str:
        done = helm(
            "template", release, str(chart), "--namespace", "ops", "--values", "-", stdin=values
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(
        values: Mapping[str, Any] | None = None, *, release: str = "msop"
    ) -> list[dict[str, Any]]:
        text = rendered(json.dumps(values or {}, sort_keys=True), release)
        return [document for document in yaml.safe_load_all(text) if document]

    return run


@pytest.fixture(scope="session")
def notes(
    helm: Callable[..., subprocess.CompletedProcess[str]],
    chart: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Mapping[str, Any]], str]:
    """``notes(values)``: NOTES.txt as rendered (put into a ConfigMap, as ``template`` omits it)."""
    copy = tmp_path_factory.mktemp("chart") / "modelservice-operator"
    shutil.copytree(chart, copy)
    (copy / "templates" / "NOTES.txt").rename(copy / "notes-to-render.txt")
    (copy / "templates" / "notes.yaml").write_text(NOTES_TEMPLATE)

    def run(values: Mapping[str, Any]) -> str:
        done = helm(
            "template", "msop", str(copy), "--namespace", "ops", "--values", "-",
            "--show-only", "templates/notes.yaml", stdin=json.dumps(values),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        text: str = yaml.safe_load(done.stdout)["data"]["notes"]
        return text

    return run


@pytest.fixture(scope="session")
def default_objects(render: Render) -> list[dict[str, Any]]:
    """The objects of the chart with its own values."""
    return render()


@pytest.fixture(scope="session")
def pick() -> Callable[..., dict[str, Any]]:
    """``pick(objects, kind, name="")``: the only object of that kind whose name ends so."""

    def find(objects: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
        (only,) = [
            item
            for item in objects
            if item["kind"] == kind and item["metadata"]["name"].endswith(name)
        ]
        return only

    return find


@pytest.fixture(scope="session")
def walk() -> Callable[..., Iterator[tuple[str, Mapping[str, Any]]]]:
    """``walk(schema, path)``: every schema below, with its dotted path (``[]`` for items)."""
    return walk_schema


def walk_schema(
    schema: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk_schema(child, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from walk_schema(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from walk_schema(schema["additionalProperties"], f"{path}.*")
