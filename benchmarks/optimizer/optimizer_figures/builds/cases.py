"""Which examples are built, from which manifest, in which environment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_harness.errors import HarnessError

BUILDER, KERAS = "builder", "builder-keras"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One manifest. ``changes``: of the example's own text, (from, to), each found exactly once.

    ``environment``: of the harness, whose builder fits the source; ``large``: needs the larger
    evaluation data.
    """

    name: str
    example: str
    environment: str = BUILDER
    changes: tuple[tuple[str, str], ...] = ()
    large: bool = False

    def manifest(self, text: str) -> str:
        """The manifest, from the example's.

        Raises:
            ValueError: the text does not have what is to be changed, or has it twice.
        """
        for old, new in self.changes:
            if text.count(old) != 1:
                raise ValueError(f"{self.example}: {old!r} is {text.count(old)} times in it, not 1")
            text = text.replace(old, new)
        return text


def _with_larger_data(example: str) -> tuple[str, str]:
    folder = f"{example}-data"
    return f"{folder}/evaluation.safetensors", f"{folder}/evaluation-large.safetensors"


#: With 320 pictures several good candidates cannot be told from one that loses too much.
PICTURES = Case(
    name="image-classifier",
    example="image-classifier",
    changes=(_with_larger_data("image-classifier"),),
    large=True,
)
#: An agreement of 0.99 takes more rows than the example's own data have.
STRICT = Case(
    name="sentence-encoder-0.99",
    example="sentence-encoder",
    changes=(
        _with_larger_data("sentence-encoder"),
        ('type: MaxDegradation, value: "0.02"', 'type: MaxDegradation, value: "0.01"'),
    ),
    large=True,
)
#: The quickest first.
CASES = (
    Case(name="tumour-classifier", example="tumour-classifier"),
    Case(name="loan-classifier", example="loan-classifier", environment=KERAS),
    Case(name="recommender", example="recommender"),
    Case(name="token-tagger", example="token-tagger"),
    PICTURES,
    Case(name="digits", example="digits"),
    Case(name="sentence-encoder", example="sentence-encoder"),
    STRICT,
)
QUICK = CASES[:1]


def chosen(names: Sequence[str], *, quick: bool) -> tuple[Case, ...]:
    """The cases named; without a name all, or the quickest one.

    Raises:
        HarnessError: there is no such case.
    """
    known = {case.name: case for case in CASES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise HarnessError(f"no case {', '.join(unknown)}; there are {', '.join(known)}")
    if not names:
        return QUICK if quick else CASES
    return tuple(case for case in CASES if case.name in names)
