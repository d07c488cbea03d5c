"""What is served and asked in the real runs, and under which names. Pure."""

from __future__ import annotations

SERVICES = ("red", "green", "blue")
#: The two that compete, each with services of the same names in a namespace of its own.
OURS, HPA = "ours", "hpa"
NAMESPACES = {OURS: "bench-ours", HPA: "bench-hpa"}
#: What a replica of each holds. The API knows NVIDIA's resources only, which the local cluster's
#: nodes count and have none of; the copies hold another one, as many of it.
GPU, COPIED_GPU = "nvidia.com/gpu", "gpu.example.com/copied"
NODES, GPUS_PER_NODE = 2, 3
GPUS = NODES * GPUS_PER_NODE
#: Of the two, the one that is stopped and the one that is not.
STAYING_NODE, STOPPED_NODE = "node-1", "node-2"

#: Milliseconds of an execution and of each row in it; a goal for 99 of 100 requests. Twice as slow
#: as the simulated model, so that three times two services leave most of two cores idle.
BASE_MS, ROW_MS, BATCH, GOAL_MS = 120.0, 40.0, 8, 1000
#: That weights take to get onto a device, beside the start of a Triton.
LOAD_SECONDS = 20
#: Of the measured capacity of a replica, the HPA's target.
SHARE = 0.7

WINDOWS, WINDOW_SECONDS = 3, 900.0
#: To see that everything runs: of the one window; and the faults are so many times as long.
QUICK_SECONDS, QUICK_PACE = 90.0, 0.3
#: At the window's first rates, not counted: both find their size.
LEAD_SECONDS = 120.0
#: After the window: what still runs is answered.
TAIL_SECONDS = 5.0
#: That carry the mean load of a window, of all services together: peaks take more than there are.
MEAN_REPLICAS = 4.0

HTTP_PORT, METRICS_PORT = 8000, 6443
INPUT = '{"inputs":[{"name":"input","datatype":"FP32","shape":[1,8],"data":[1,1,1,1,1,1,1,1]}]}'
