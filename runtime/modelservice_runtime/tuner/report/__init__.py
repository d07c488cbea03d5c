"""The report of a tuning: as JSON, and as a page to read.

Room: one value (``TuningReport``) in, files out. Pure but for ``write``: no clock, no network.
"""

from .document import TuningReport
from .writing import write

__all__ = ["TuningReport", "write"]
