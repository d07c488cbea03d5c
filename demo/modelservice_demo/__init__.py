"""`make demo`: one ModelService from source to balanced replicas, told while it happens.

Room: the story, its timeline and its picture. It talks to the cluster through the harness
(kubectl and helm) only, so that the same code runs against anybody's cluster. The folder
``inside`` holds programs that run in pods; nothing here imports them.
"""
