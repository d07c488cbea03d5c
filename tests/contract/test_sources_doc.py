"""docs/sources.md is true: its manifests fit the API, and it leaves out no kind of source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from modelservice_operator.api.spec import parse_spec
from modelservice_runtime.contract.requests import SOURCE_KINDS

TEXT = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_its_manifests_fit_the_schema_and_the_parser(schema: Mapping[str, Any]) -> None:
    model = schema["properties"]["spec"]["properties"]["model"]
    kinds = []
    for document in map(yaml.safe_load, BLOCKS):
        jsonschema.Draft7Validator(model).validate(document["model"])
        spec = parse_spec({**document, "serving": {"latencyObjective": {"milliseconds": 100}}})
        kinds.append(spec.build.source.kind)
    assert kinds == list(SOURCE_KINDS)
