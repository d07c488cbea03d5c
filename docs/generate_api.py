"""docs/api.md from the CRD. ``--check`` writes nothing and fails when the page is not current.

``python docs/generate_api.py [--check]``
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parent
CRD = DOCS.parent / "crds" / "modelservices.modelservice.dev.yaml"
PAGE = DOCS / "api.md"

HEAD = """\
<!-- Generated from crds/{file} by docs/generate_api.py: change it there. -->

# {kind} ({group}/{version})

{description}

Short name `{short}`. The same words in the cluster: `kubectl explain {singular}.spec --recursive`.

`kubectl apply` refuses unknown fields and everything that breaks a bound or a rule below, and
names the field. (Unknown fields are refused by kubectl's own strict validation, its default.
Clients without it, or `--validate=false`, have them dropped silently.)

Creating a {kind} runs its code in pods of its namespace: whoever may create one there can do what
a pod there can do.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the schema, by its path."""

    path: str
    schema: Mapping[str, Any]
    required: bool


def fields_below(path: str, schema: Mapping[str, Any]) -> Iterator[Field]:
    """Every field below ``path``, parents first, in the order of the file."""
    required = set(schema.get("required", ()))
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield Field(path=here, schema=child, required=name in required)
        items = child.get("items")
        if items is None:
            yield from fields_below(here, child)
        else:
            yield from fields_below(f"{here}[]", items)


def type_of(schema: Mapping[str, Any]) -> str:
    """The type in words, with the bounds."""
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if "additionalProperties" in schema:
        return f"map of {type_of(schema['additionalProperties'])}"
    if schema["type"] == "array":
        return f"list of {type_of(schema['items'])}{bounds(schema)}"
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    return f"{schema.get('format') if schema.get('format') == 'date-time' else schema['type']}" + (
        bounds(schema)
    )


def bounds(schema: Mapping[str, Any]) -> str:
    """`` 1…1000`` and the like, empty where nobody needs to know."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None:
        return f" {low}…{high}"
    if low is not None:
        return f" ≥ {low}"
    if "maxLength" in schema:
        return f" ≤ {schema['maxLength']}"
    return f" ≤ {schema['maxItems']}" if "maxItems" in schema else ""


def default_of(field: Field) -> str:
    """The default as JSON, ``required``, or nothing."""
    if field.required:
        return "**required**"
    default = field.schema.get("default")
    return "" if default in (None, {}) else f"`{json.dumps(default)}`"


def rules_of(schema: Mapping[str, Any]) -> list[str]:
    """The messages of the schema's own rules."""
    return [rule["message"] for rule in schema.get("x-kubernetes-validations", ())]


def words(text: str) -> str:
    """Text that fits into a table cell."""
    return " ".join(text.split()).replace("|", "\\|")


def table(root: str, schema: Mapping[str, Any], *, defaults: bool) -> Iterator[str]:
    """The table of all fields below ``root``."""
    columns = ["field", "type", *(["default"] if defaults else []), "meaning"]
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' for _ in columns)} |"
    for field in fields_below(root, schema):
        cells = [f"`{field.path}`", type_of(field.schema)]
        cells += [default_of(field)] if defaults else []
        yield f"| {' | '.join([*cells, words(field.schema['description'])])} |"


def rules(root: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Every rule as ``field: message``, once."""
    seen: set[str] = set()
    found = [
        Field(path=root, schema=schema, required=True),
        *fields_below(root, schema),
    ]
    for field in found:
        extra = field.schema.get("additionalProperties", {})
        for message in [*rules_of(field.schema), *rules_of(extra)]:
            line = f"- `{field.path}`: {words(message)}"
            if line not in seen:
                seen.add(line)
                yield line


def columns(version: Mapping[str, Any]) -> Iterator[str]:
    """What ``kubectl get`` prints."""
    yield "| column | | meaning |"
    yield "| --- | --- | --- |"
    for column in version["additionalPrinterColumns"]:
        wide = "`-o wide`" if column.get("priority") else ""
        yield f"| {column['name']} | {wide} | {column.get('description', 'Time since creation')} |"


def page(crd: Mapping[str, Any]) -> str:
    """The whole page."""
    spec = crd["spec"]
    version = spec["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    head = HEAD.format(
        file=CRD.name,
        kind=spec["names"]["kind"],
        singular=spec["names"]["singular"],
        short=spec["names"]["shortNames"][0],
        group=spec["group"],
        version=version["name"],
        description=words(root["description"]),
    )
    parts = [
        head,
        "## spec\n",
        "\n".join(table("spec", root["properties"]["spec"], defaults=True)),
        "\n### Rules\n",
        "\n".join(
            [
                *(f"- {words(message)}" for message in rules_of(root)),
                *rules("spec", root["properties"]["spec"]),
            ]
        ),
        "\n## status\n",
        "\n".join(table("status", root["properties"]["status"], defaults=False)),
        "\n## kubectl get\n",
        "\n".join(columns(version)),
        "",
    ]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when not current")
    check = parser.parse_args().check
    text = page(yaml.safe_load(CRD.read_text(encoding="utf-8")))
    if not check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{PAGE} is not current: run python docs/generate_api.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
