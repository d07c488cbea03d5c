"""Programs that run in pods of T6, each from a ConfigMap."""
