"""The CRD and ``modelservice_operator.api.names`` speak of the same kind, and names fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.api import names

#: As the CRD says: at most 40 characters, DNS-1035.
SERVICE_NAMES = st.from_regex(r"\A[a-z]([-a-z0-9]{0,38}[a-z0-9])?\Z")
KEYS = st.from_regex(r"\A[0-9a-f]{40}\Z")
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def test_group_version_kind_and_plural_are_the_same(crd: Mapping[str, Any]) -> None:
    spec = crd["spec"]

    assert spec["group"] == names.GROUP
    assert spec["names"]["kind"] == names.KIND
    assert spec["names"]["plural"] == names.PLURAL
    assert [item["name"] for item in spec["versions"]] == [names.VERSION]
    assert crd["metadata"]["name"] == f"{names.PLURAL}.{names.GROUP}"


def test_the_name_rules_are_those_that_the_children_need(schema: Mapping[str, Any]) -> None:
    rules = [rule["rule"] for rule in schema["x-kubernetes-validations"]]

    assert "self.metadata.name.size() <= 40" in rules
    assert "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')" in rules


@given(name=SERVICE_NAMES, key=KEYS, attempt=st.integers(min_value=1, max_value=999))
def test_every_child_of_an_allowed_name_has_an_allowed_name(
    name: str, key: str, attempt: int
) -> None:
    children = [
        *(names.job(name, kind, key, attempt) for kind in (names.BUILD, names.TUNE)),
        *(names.result(name, kind, key) for kind in (names.BUILD, names.TUNE)),
        names.serving_config(name, key),
    ]

    # 63: a Job's name becomes the value of a label on its pods.
    assert [child for child in children if len(child) > 63 or not _LABEL.fullmatch(child)] == []
