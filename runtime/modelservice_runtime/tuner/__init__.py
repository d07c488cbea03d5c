"""Tuning: finds how a model in Triton carries most within a latency goal.

A few short runs give the time of an execution by batch size (``curves``); a simulation of Triton's
batcher (``simulation``) says of every setting what it would carry (``search``); the best few are
measured in turns and the model is put right (``confirming``, ``calibration``; ``further`` where it
fails); the capacity of the chosen one is proven by load (``finding_capacity``).

Room: starting Triton as a child or talking to one that runs, loading it with perf_analyzer,
reading what both say, choosing, reporting. ``job`` and ``command`` are the two ways in; ``tuning``
leads. IO is done by ``server``, ``artifact_server``, ``running_server``, ``load_runs``,
``statistics``, ``memory_use``, ``cores``, ``gpu``, ``storing`` and ``trace_reading`` alone; all
else is pure, but for the measuring in ``bench``, which ``curves``, ``confirming`` and
``finding_capacity`` ask.
"""
