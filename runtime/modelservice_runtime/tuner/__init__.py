"""The tune Job: measures one artifact in a real Triton and says how it is to be served.

Room: starting Triton as a child, loading it with perf_analyzer, parsing what that prints,
choosing variant, batch size and instances for the latency goal, and the rate that one replica
carries. ``runs``, ``parsing``, ``usable``, ``contenders``, ``choice``, ``capacity``, ``deadline``
and ``results`` are pure; ``server``, ``load_runs``, ``memory``, ``cores`` and ``gpu`` do IO;
``bench`` measures, ``tuning`` leads.
"""
