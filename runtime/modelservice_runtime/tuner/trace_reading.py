"""A recorded trace from its address."""

from __future__ import annotations

from modelservice_runtime.store.errors import NotInStore, StoreError
from modelservice_runtime.store.explaining import explained
from modelservice_runtime.store.opening import open_store

from . import errors
from .simulation.arrivals import Trace, TraceInvalid, parse_trace

#: A day of seconds with two columns is a tenth of this.
MOST_BYTES = 64 << 20


def read_trace(uri: str) -> Trace:
    """The trace at ``uri``.

    Raises:
        UserError: it is not there, or is no trace; the message says which line.
        Infrastructure: the store does not answer.
    """
    try:
        store = open_store(uri, public=True)
        with explained(uri):
            text = store.filesystem.cat_file(store.root, start=0, end=MOST_BYTES + 1)
    except NotInStore as error:
        raise errors.UserError(errors.TRACE_INVALID, str(error)) from error
    except StoreError as error:
        raise errors.Infrastructure(errors.STORE_UNAVAILABLE, str(error)) from error
    if len(text) > MOST_BYTES:
        words = f"{uri}: more than {MOST_BYTES >> 20} MiB; give the rate of longer bins"
        raise errors.UserError(errors.TRACE_INVALID, words)
    try:
        return parse_trace(text.decode("utf-8-sig"))
    except (TraceInvalid, UnicodeDecodeError) as error:
        raise errors.UserError(errors.TRACE_INVALID, f"{uri}: {error}") from error
