"""Programs that run in pods of the demo, each from a ConfigMap; nothing imports them there."""
