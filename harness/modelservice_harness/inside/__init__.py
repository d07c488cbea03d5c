"""Programs that run in pods beside the operator, each from a ConfigMap; standard library only."""
