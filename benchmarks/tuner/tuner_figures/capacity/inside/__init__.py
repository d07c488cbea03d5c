"""The model that the Tritons of T6 serve, from a ConfigMap."""
