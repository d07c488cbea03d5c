"""T1: what each search finds, and what finding it costs.

``findings`` and ``section`` are pure; ``neutral`` measures what was found, in turns;
``measuring`` has everything searched and measured.
"""
