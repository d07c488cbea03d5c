"""T6: as many replicas as the capacity table says, under real load behind a real Service.

``findings``, ``manifests`` and ``section`` are pure; ``inside`` runs in pods; ``measuring`` needs a
local cluster. Three replicas that compute would fight for two cores, so theirs is a
model that waits as long as a GPU would take: emulated, and said so.
"""
