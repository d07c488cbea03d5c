"""Results of processes that work side by side, as they come, told one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


def collected(
    jobs: Mapping[Key, Future[Result]], say: Callable[[str], None], words: Callable[[Key], str]
) -> dict[Key, Result]:
    """What each job found, in their order; ``words``: of the job, behind its number.

    Raises whatever a job raised.
    """
    found = {}
    for number, (key, job) in enumerate(jobs.items(), start=1):
        found[key] = job.result()
        say(f"{number} of {len(jobs)}: {words(key)}")
    return found
