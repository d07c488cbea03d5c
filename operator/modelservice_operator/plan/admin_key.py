"""The key with which the operator alone may change what a running Triton serves.

Computed from the operator's master key, so that it is remembered nowhere: a Secret is made for
the pods, and read by nobody but them.
"""

from __future__ import annotations

import hashlib
import hmac

from modelservice_operator.api.service import ServiceRef


def admin_key(master: bytes, ref: ServiceRef) -> str:
    """The key of one ModelService object; another of the same name gets another one."""
    words = f"{ref.namespace}/{ref.name}/{ref.uid}"
    return hmac.new(master, words.encode(), hashlib.sha256).hexdigest()


def key_name(key: str) -> str:
    """What names the Secret: another key is another Secret, which new pods take."""
    return hashlib.sha256(key.encode()).hexdigest()
