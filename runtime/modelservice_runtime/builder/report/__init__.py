"""The report of a build: as JSON, as a page to read and as TensorBoard event files.

Room: one value (``Report``) in, files out. Pure but for ``write``: no clock, no network, no models.
"""

from .document import Report
from .writing import write

__all__ = ["Report", "write"]
