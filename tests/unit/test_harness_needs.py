"""What the machine lacks is said at once, in one message, with the remedy for each."""

from __future__ import annotations

import dataclasses

import pytest

from modelservice_harness.debian import missing_libraries
from modelservice_harness.environments import ENVIRONMENTS
from modelservice_harness.errors import MissingNeeds
from modelservice_harness.golang import MINIMUM, parse_go_version
from modelservice_harness.needs import Machine, problems, require

GOOD = Machine(
    python=(3, 11),
    system="Linux",
    processor="x86_64",
    glibc=(2, 36),
    missing=(),
    fetchable=True,
    namespaces="",
    free_disk=40 * 1000**3,
    memory=16 * 1000**3,
)


def test_a_good_machine_has_no_problems() -> None:
    require(GOOD)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"python": (3, 12)}, "python3.11"),
        ({"system": "Darwin"}, "Linux on x86_64"),
        ({"processor": "aarch64"}, "Linux on x86_64"),
        ({"glibc": (2, 31)}, "2.35"),
        ({"missing": ("unshare", "tar")}, "sudo apt-get install tar util-linux"),
        ({"fetchable": False}, "prometheus and nft"),
        ({"namespaces": "namespaces are forbidden here"}, "forbidden"),
        ({"free_disk": 10**9}, "XDG_CACHE_HOME"),
        ({"memory": 10**9}, "memory"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_gap_is_named_with_its_remedy(change: dict[str, object], words: str) -> None:
    (line,) = problems(dataclasses.replace(GOOD, **change))  # type: ignore[arg-type]
    assert words in line


def test_all_gaps_come_in_one_message() -> None:
    poor = dataclasses.replace(GOOD, missing=("tar",), memory=1, namespaces="no namespaces")
    with pytest.raises(MissingNeeds) as caught:
        require(poor)
    assert str(caught.value).count("\n  - ") == 3


def test_a_full_disk_does_not_matter_once_everything_is_there() -> None:
    assert problems(dataclasses.replace(GOOD, free_disk=10**9, cached=True)) == []


def test_ldd_names_what_is_missing() -> None:
    text = (
        "\tlibnftables.so.1 => not found\n"
        "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n"
        "\tlibmnl.so.0 => not found\n"
    )
    assert missing_libraries(text) == ["libnftables.so.1", "libmnl.so.0"]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8\n", (1, 26)),
        ("go1.27.3", (1, 27)),
        ("go1.27rc1", (1, 27)),
        ("devel", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_go_versions(text: str, version: tuple[int, int]) -> None:
    assert parse_go_version(text) == version


def test_old_go_is_too_old() -> None:
    assert parse_go_version("go1.21.0") < MINIMUM


def test_image_environments_hold_no_test_tools() -> None:
    """They are what the Dockerfile's stages install."""
    for name in ("operator", "builder", "serving"):
        assert ENVIRONMENTS[name].groups == ()
