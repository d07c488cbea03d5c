"""Making candidates: side by side, parents first, nothing twice, nobody's death loses anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelservice_runtime.builder.candidate_cache import CandidateCache
from modelservice_runtime.builder.producing import (
    CannotMakeError,
    Product,
    Production,
    Share,
    Steps,
    longest_chain_seconds,
    serial_seconds,
)
from modelservice_runtime.builder.recipes import Ingredients, Recipe, Step, candidate_key
from modelservice_runtime.builder.techniques.base import Made
from modelservice_runtime.builder.worker import Stopped
from modelservice_runtime.store.opening import open_store

INGREDIENTS = Ingredients(
    source_digest="sha256:1",
    max_batch_size=8,
    data_digest="",
    selection_digest="",
    hardware="a CPU",
    versions={},
)


def recipe(*labels: str) -> Recipe:
    return Recipe(steps=tuple(Step(technique="made", label=label) for label in labels))


@dataclass(slots=True)
class Maker:
    """Writes a file that names the chain; ``broken`` labels cannot be made."""

    broken: frozenset[str] = frozenset()
    made: list[str] = field(default_factory=list)
    hold: threading.Event | None = None

    def __call__(self, chain: Steps, parent: Path, folder: Path, stop: Callable[[], bool]) -> Made:
        """As a technique's process would."""
        label = chain[-1].label
        if label in self.broken:
            raise CannotMakeError(f"{label} does not work here")
        while self.hold is not None and not self.hold.wait(0.01):
            if stop():
                raise Stopped(label)
        self.made.append(label)
        (folder / "model.onnx").write_text(f"{parent.read_text()}+{label}")
        return Made(model_file="model.onnx", figures={"parameters": 3.0})


@pytest.fixture
def cache(tmp_path: Path) -> CandidateCache:
    (tmp_path / "store").mkdir()
    return CandidateCache(store=open_store(f"file://{tmp_path}/store"))


def production(
    tmp_path: Path,
    cache: CandidateCache,
    maker: Maker,
    share: Share | None = None,
    seconds: float = 60,
) -> Production:
    folder = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
    (folder / "export").mkdir(parents=True)
    (folder / "export/model.onnx").write_text("export")
    exported = Product(folder=folder / "export", made=Made(model_file="model.onnx"))
    return Production(
        folder=folder,
        cache=cache,
        ingredients=INGREDIENTS,
        make=maker,
        workers=2,
        ends=time.monotonic() + seconds,
        clock=time.monotonic,
        said=lambda *_: None,
        share=share or Share(),
        done={(): exported},
    )


def test_a_step_starts_from_what_the_one_before_it_made(
    tmp_path: Path, cache: CandidateCache
) -> None:
    maker = Maker()
    made = production(tmp_path, cache, maker).produce([recipe("a", "b"), recipe("a")])
    assert made["a+b"].model.read_text() == "export+a+b"
    assert made["a"].model.read_text() == "export+a"
    assert maker.made == ["a", "b"], "the shared step is made once"


def test_a_second_build_makes_nothing_and_knows_how_long_it_took(
    tmp_path: Path, cache: CandidateCache
) -> None:
    first = production(tmp_path, cache, Maker()).produce([recipe("a", "b")])
    maker = Maker()
    again = production(tmp_path, cache, maker).produce([recipe("a", "b")])
    assert maker.made == []
    assert again["a+b"].cached
    assert again["a+b"].seconds == first["a+b"].seconds
    assert again["a+b"].made == first["a+b"].made
    assert again["a+b"].model.read_text() == "export+a+b"


def test_what_cannot_be_made_takes_down_only_what_builds_on_it(
    tmp_path: Path, cache: CandidateCache
) -> None:
    maker = Maker(broken=frozenset({"bad"}))
    made = production(tmp_path, cache, maker).produce(
        [recipe("bad"), recipe("bad", "more"), recipe("good")]
    )
    assert made["bad"].error == "bad does not work here"
    assert made["bad+more"].error == "it builds on bad: bad does not work here"
    assert made["good"].error == ""


def test_a_failure_is_not_kept(tmp_path: Path, cache: CandidateCache) -> None:
    production(tmp_path, cache, Maker(broken=frozenset({"a"}))).produce([recipe("a")])
    made = production(tmp_path, cache, Maker()).produce([recipe("a")])
    assert made["a"].error == ""


def test_when_time_is_up_the_rest_is_left_and_says_so(
    tmp_path: Path, cache: CandidateCache
) -> None:
    made = production(tmp_path, cache, Maker(), seconds=-1).produce([recipe("a")])
    assert made["a"].no_time
    assert made["a"].error == "there was no time left to make it"


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "no json"])
def test_a_damaged_candidate_in_the_store_is_made_again_and_kept(
    tmp_path: Path, cache: CandidateCache, damage: str
) -> None:
    production(tmp_path, cache, Maker()).produce([recipe("a")])
    key = candidate_key(recipe("a").steps, INGREDIENTS)
    (model,) = (tmp_path / "store" / key).glob("files-*/model.onnx")
    if damage == "truncated":
        model.write_text("exp")
    elif damage == "changed":
        model.write_text("exporT+a")
    elif damage == "missing":
        model.unlink()
    else:
        (tmp_path / "store" / key / "made.json").write_text("{")
    maker = Maker()
    made = production(tmp_path, cache, maker).produce([recipe("a")])
    assert maker.made == ["a"]
    assert made["a"].model.read_text() == "export+a"
    assert cache.get(key, tmp_path / "again") is not None


def test_several_pods_share_the_work_and_the_first_gets_everything(
    tmp_path: Path, cache: CandidateCache
) -> None:
    recipes = [recipe(label) for label in "abcdef"]
    makers = [Maker(), Maker(), Maker()]
    shares = [Share(build="b/1", index=index, count=3) for index in range(3)]
    pods = [
        production(tmp_path, cache, maker, share)
        for maker, share in zip(makers, shares, strict=True)
    ]
    threads = [threading.Thread(target=pod.produce, args=(recipes,)) for pod in pods[1:]]
    for thread in threads:
        thread.start()
    made = pods[0].produce(recipes)
    for thread in threads:
        thread.join()
    assert set(made) == set("abcdef")
    assert all(product.error == "" for product in made.values())


def test_what_a_pod_claimed_before_it_died_is_made_by_the_first(
    tmp_path: Path, cache: CandidateCache
) -> None:
    for label in "ab":
        assert cache.claim(candidate_key(recipe(label).steps, INGREDIENTS), "b/1", 1)
    maker = Maker()
    first = production(tmp_path, cache, maker, Share(build="b/1", index=0, count=2))
    made = first.produce([recipe("a"), recipe("b"), recipe("c")])
    assert sorted(maker.made) == ["a", "b", "c"]
    assert maker.made[0] == "c", "what nobody claimed comes first"
    assert all(product.error == "" for product in made.values())


def test_what_another_pod_finishes_meanwhile_is_taken_over(
    tmp_path: Path, cache: CandidateCache
) -> None:
    key = candidate_key(recipe("a").steps, INGREDIENTS)
    assert cache.claim(key, "b/1", 1)
    maker = Maker(hold=threading.Event())
    first = production(tmp_path, cache, maker, Share(build="b/1", index=0, count=2))
    done: list[Product] = []
    thread = threading.Thread(target=lambda: done.append(first.produce([recipe("a")])["a"]))
    thread.start()
    production(tmp_path, cache, Maker(), Share(build="b/1", index=1, count=2)).produce(
        [recipe("a")]
    )
    thread.join(30)
    assert done[0].cached
    assert done[0].model.read_text() == "export+a"
    assert maker.made == []


def test_a_claim_of_an_earlier_build_holds_nobody_up(cache: CandidateCache) -> None:
    key = candidate_key(recipe("a").steps, INGREDIENTS)
    assert cache.claim(key, "b/1", 1)
    assert cache.claim(key, "b/2", 3)
    assert not cache.claim(key, "b/1", 2)


def test_the_slowest_chain_is_the_bound_of_the_parallel_time() -> None:
    a, b = Step(technique="t", label="a"), Step(technique="t", label="b")
    done = {
        (): Product(folder=Path(), seconds=1.0),
        (a,): Product(folder=Path(), seconds=3.0),
        (a, b): Product(folder=Path(), seconds=4.0),
        (b,): Product(folder=Path(), seconds=5.0),
    }
    assert longest_chain_seconds(done) == 7.0
    assert serial_seconds(done) == 12.0


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), min_size=1, max_size=6))
@settings(max_examples=15)
def test_every_recipe_has_a_product_whatever_the_chains(
    tmp_path_factory: pytest.TempPathFactory, chains: list[list[str]]
) -> None:
    root = tmp_path_factory.mktemp("chains")
    (root / "store").mkdir()
    store = CandidateCache(store=open_store(f"file://{root}/store"))
    recipes = [recipe(*chain) for chain in chains]
    made = production(root, store, Maker(broken=frozenset("c"))).produce(recipes)
    for one in recipes:
        assert bool(made[one.name].error) == ("c" in one.techniques)
