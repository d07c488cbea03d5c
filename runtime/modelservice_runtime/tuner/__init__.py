"""The tune Job: measures one artifact in a real Triton and says how it is to be served.

Room: starting Triton as a child, loading it with perf_analyzer, parsing what that prints,
choosing batch size and instances for the latency goal, and the rate that one replica carries.
``parsing``, ``choice``, ``capacity`` and ``plans`` are pure; the rest does IO.
"""
