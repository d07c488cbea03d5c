"""How much is read at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Memory for one block of rows, bytes.
BLOCK_BYTES = 8 << 20


def rows_of_block(sizes: Sequence[int], bytes_per_element: int) -> int:
    """Rows of shape ``sizes`` that fit into one block, at least one."""
    return max(1, BLOCK_BYTES // max(1, math.prod(sizes) * bytes_per_element))
