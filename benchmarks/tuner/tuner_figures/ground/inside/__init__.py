"""Programs that run in the pod that asks, each from a ConfigMap."""
