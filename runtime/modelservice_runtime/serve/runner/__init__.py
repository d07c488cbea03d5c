"""Code that Triton's Python backend loads; it runs in Triton's own Python process.

Copied into the model repository, where nothing else of this package is beside it: the modules
import each other and what the serving environment has, nothing more. Room: Triton's interface
(``model``), joining and cutting requests (``batches``), the configuration (``served``), one
module for each engine, all with the interface of ``served.Engine``.
"""
