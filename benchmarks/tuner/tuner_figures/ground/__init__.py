"""The local cluster that figures of whole services are measured on, and the pod that asks there.

``answers`` and ``pod`` are pure; ``inside`` runs in the pod; ``cluster`` and ``asking`` do.
"""
