"""Programs that run in pods: who asks, what the HPA reads, and the device that is emulated."""
