"""The only code of the operator that talks to anything: Kubernetes, Prometheus.

May not decide anything; imported by ``__main__`` alone. Errors leave as ``UnavailableError``.
"""
