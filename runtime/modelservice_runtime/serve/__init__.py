"""The serving side: what runs in a Triton pod beside Triton itself.

Room: the init container (``fetch``), the start wrapper (``start``), the startup probe
(``ready``) and the Python-backend runner (``runner/``). The tuner starts its Triton with the
same layout and flags, so what was measured is what is served.
"""
