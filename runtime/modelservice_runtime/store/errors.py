"""What can go wrong with a store, in words for the user.

StoreError
├── StoreUnavailable     unreachable, no such bucket, refused credentials, volume not mounted
├── StoreReadOnly        reading works, writing is refused
├── StoreFull            no space or quota left
├── NotInStore           the store answers, what is asked for is not there
└── ArtifactDamaged      what is there is not what the manifest says

Each message names the address and says what to do.
"""

# ruff: noqa: N818 - named for the state of the store, as the contract with callers says

from __future__ import annotations


class StoreError(Exception):
    """Base of all; the message is one sentence or two for the user."""


class StoreUnavailable(StoreError):
    """The store cannot be used at all at the moment."""


class StoreReadOnly(StoreError):
    """The store refuses to be written."""


class StoreFull(StoreError):
    """The store has no space left."""


class NotInStore(StoreError):
    """Nothing lies at the address."""


class ArtifactDamaged(StoreError):
    """A file of an artifact is missing or has other bytes than its manifest says."""
