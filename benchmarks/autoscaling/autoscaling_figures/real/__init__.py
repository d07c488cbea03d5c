"""R: the balancer beside kube-controller-manager's own HPA, on a real Kubernetes.

Two processes share it. In the harness' Python, without numpy: ``site`` has the cluster, ``sides``
the two that compete, ``running`` the windows, ``faults`` what is broken on purpose, ``watching``
what became of pods; ``inside`` runs in pods. In the environment ``simulation``: ``windows`` cuts
the traffic, ``measuring`` reads what the runs left, ``replaying`` simulates them. ``setting``,
``sizing``, ``manifests``, ``lives``, ``answers``, ``recorded``, ``findings`` and ``section`` are
pure.
"""
