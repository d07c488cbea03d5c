"""`kubectl apply` refuses nonsense, names the field and says what would be right.

All through the API server's dry run, so that nothing is stored and no operator reacts.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from modelservice_runtime.contract.requests import TECHNIQUES

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., Any]

GONE = object()
ONNX = "spec.model.source.onnx"
PYTORCH = "spec.model.source.pytorch"
SOURCE = "spec.model.source"
EVALUATION = "spec.evaluation"
GOALS = "spec.evaluation.goals"
OPTIMIZATION = "spec.optimization"
LABELLED = {"metric": "Accuracy", "dataUri": "s3://b/a.parquet"}
SERVING = "spec.serving.resources"
BUILD = "spec.optimization.resources"
TRAFFIC = "spec.serving.traffic"
ROWS = "spec.serving.traffic.rowsPerRequest"
LENGTHS = "spec.serving.traffic.lengths"


def service(changes: Mapping[str, Any]) -> dict[str, Any]:
    """A ModelService that is right, with ``changes``: dotted path → value, or ``GONE``."""
    document: dict[str, Any] = {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": "nonsense"},
        "spec": {
            "model": {"source": {"onnx": {"uri": "pvc://models/a.onnx"}}},
            "serving": {"latencyObjective": {"milliseconds": 100}},
        },
    }
    for path, value in changes.items():
        put(document, path.split("."), value)
    return copy.deepcopy(document)


def put(node: dict[str, Any], path: list[str], value: object) -> None:
    for part in path[:-1]:
        node = node.setdefault(part, {})
    if value is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = value


def dry_run(kubectl: Kubectl, document: Mapping[str, Any]) -> Any:
    return kubectl(
        "apply", "--dry-run=server", "-o", "json", "-f", "-",
        stdin=json.dumps(document), namespace="default", check=False,
    )  # fmt: skip


PYTORCH_SOURCE = {"uri": "pvc://models/sources/a", "entrypoint": "model:load"}
#: The minimal service with a PyTorch source instead.
WITH_CODE: dict[str, Any] = {ONNX: GONE, PYTORCH: PYTORCH_SOURCE}
PRUNING = {"trainingEntrypoint": "model:train"}

#: id, changes, the field that the answer must name, words that it must hold.
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("no spec", {"spec": GONE}, "spec", "Required value"),
    ("no model", {"spec.model": GONE}, "spec.model", "Required value"),
    ("no serving", {"spec.serving": GONE}, "spec.serving", "Required value"),
    (
        "no latency objective",
        {"spec.serving": {}},
        "spec.serving.latencyObjective",
        "Required value",
    ),
    # names
    ("name too long", {"metadata.name": "a" * 41}, "metadata.name", "at most 40 characters"),
    ("name with a dot", {"metadata.name": "a.b"}, "metadata.name", "no dots"),
    ("name starts with a digit", {"metadata.name": "1a"}, "metadata.name", "lower-case letter"),
    # source
    (
        "no source",
        {"spec.model.source": {}},
        "spec.model.source",
        "give one of pytorch, torchExport, onnx and tensorflow",
    ),
    *(
        (
            f"onnx and {kind}",
            {f"{SOURCE}.{kind}": source},
            "spec.model.source",
            "only one source is possible",
        )
        for kind, source in (
            ("pytorch", PYTORCH_SOURCE),
            ("torchExport", {"uri": "s3://b/a.pt2"}),
            ("tensorflow", {"uri": "s3://b/a.keras"}),
        )
    ),
    *(
        (
            f"{kind} {words}",
            {ONNX: GONE, f"{SOURCE}.{kind}": source},
            f"{SOURCE}.{kind}.{field}",
            message,
        )
        for kind in ("torchExport", "tensorflow")
        for words, source, field, message in (
            ("without uri", {}, "uri", "Required value"),
            ("at a path", {"uri": "/models/a"}, "uri", "must start with pvc://"),
            (
                "with an entrypoint",
                {"uri": "s3://b/a", "entrypoint": "a:b"},
                "entrypoint",
                "unknown",
            ),
            (
                "with a short digest",
                {"uri": "s3://b/a", "digest": "sha256:12"},
                "digest",
                "64 lower-case",
            ),
        )
    ),
    ("no uri", {ONNX: {}}, f"{ONNX}.uri", "Required value"),
    ("empty uri", {f"{ONNX}.uri": ""}, f"{ONNX}.uri", "at least 1 chars long"),
    ("unknown scheme", {f"{ONNX}.uri": "ftp://a/b.onnx"}, f"{ONNX}.uri", "must start with pvc://"),
    ("plain path", {f"{ONNX}.uri": "/models/b.onnx"}, f"{ONNX}.uri", "must start with pvc://"),
    ("file scheme", {f"{ONNX}.uri": "file:///etc"}, f"{ONNX}.uri", "must start with pvc://"),
    ("uri without a host", {f"{ONNX}.uri": "s3:///b"}, f"{ONNX}.uri", "a bucket"),
    (
        "password in the uri",
        {f"{ONNX}.uri": "https://me:secret@host/b.onnx"},
        f"{ONNX}.uri",
        "user names, passwords",
    ),
    ("uri climbs", {f"{ONNX}.uri": "pvc://a/../b"}, f"{ONNX}.uri", "'.' or '..'"),
    ("long uri", {f"{ONNX}.uri": "s3://b/" + "a" * 1024}, f"{ONNX}.uri", "Too long"),
    (
        "no entrypoint",
        {ONNX: GONE, PYTORCH: {"uri": "s3://b/a"}},
        f"{PYTORCH}.entrypoint",
        "Required value",
    ),
    *(
        (
            f"entrypoint {words!r}",
            {ONNX: GONE, PYTORCH: {"uri": "s3://b/a", "entrypoint": words}},
            f"{PYTORCH}.entrypoint",
            "MODULE:FUNCTION",
        )
        for words in ("model.load", "model.py:", "a/b:load", "model:load()", "1m:load", "m:l:k")
    ),
    (
        "digest of another kind",
        {f"{ONNX}.digest": "md5:" + "0" * 32},
        f"{ONNX}.digest",
        "64 lower-case hexadecimal digits",
    ),
    ("long revision", {"spec.model.revision": "a" * 129}, "spec.model.revision", "Too long"),
    # evaluation
    (
        "negative tolerance",
        {"spec.evaluation.parity.absoluteTolerance": "-0.1"},
        "spec.evaluation.parity.absoluteTolerance",
        "not negative",
    ),
    (
        "tolerance in words",
        {"spec.evaluation.parity.relativeTolerance": "small"},
        "spec.evaluation.parity.relativeTolerance",
        "decimal number",
    ),
    (
        "absurd tolerance",
        {"spec.evaluation.parity.relativeTolerance": "1e10"},
        "spec.evaluation.parity.relativeTolerance",
        "at most 1e9",
    ),
    (
        "tolerance without quotes",
        {"spec.evaluation.parity.absoluteTolerance": 0.001},
        "spec.evaluation.parity.absoluteTolerance",
        "must be of type string",
    ),
    (
        "cosine above one",
        {"spec.evaluation.parity.minimumCosine": "1.01"},
        "spec.evaluation.parity.minimumCosine",
        "between 0 and 1",
    ),
    (
        "data at a path",
        {f"{EVALUATION}.dataUri": "/data/a.npz"},
        f"{EVALUATION}.dataUri",
        "must start with pvc://",
    ),
    (
        "pin of data that are not given",
        {f"{EVALUATION}.dataDigest": "sha256:" + "0" * 64},
        f"{EVALUATION}.dataDigest",
        "which is not given",
    ),
    (
        "pin of another kind",
        {EVALUATION: {"dataUri": "s3://b/a.npz", "dataDigest": "md5:0"}},
        f"{EVALUATION}.dataDigest",
        "64 lower-case hexadecimal digits",
    ),
    (
        "metric in small letters",
        {f"{EVALUATION}.metric": "accuracy"},
        f"{EVALUATION}.metric",
        '"Accuracy"',
    ),
    *(
        (
            f"{metric} without labels",
            {f"{EVALUATION}.metric": metric, **more},
            f"{EVALUATION}.dataUri",
            "needs data with labels",
        )
        for metric, more in (
            ("Accuracy", {}),
            ("MacroF1", {}),
            ("EntityF1", {f"{EVALUATION}.labelNames": ["O", "B-A"]}),
        )
    ),
    (
        "metric of the user's own without a function",
        {f"{EVALUATION}.metric": "Entrypoint"},
        f"{EVALUATION}.entrypoint",
        "needs the function",
    ),
    (
        "function without its metric",
        {f"{EVALUATION}.entrypoint": "model:score"},
        f"{EVALUATION}.entrypoint",
        "for the metric Entrypoint alone",
    ),
    (
        "function that is none",
        {EVALUATION: {"metric": "Entrypoint", "entrypoint": "model.score"}},
        f"{EVALUATION}.entrypoint",
        "MODULE:FUNCTION",
    ),
    (
        "entities without names",
        {EVALUATION: {"metric": "EntityF1", "dataUri": "s3://b/a.npz"}},
        f"{EVALUATION}.labelNames",
        "needs the names of the labels",
    ),
    (
        "names with another metric",
        {EVALUATION: {"metric": "Cosine", "labelNames": ["O"]}},
        f"{EVALUATION}.labelNames",
        "for the metric EntityF1 alone",
    ),
    (
        "no names",
        {f"{EVALUATION}.labelNames": []},
        f"{EVALUATION}.labelNames",
        "at least 1 items",
    ),
    *(
        (
            f"name {name!r}",
            {f"{EVALUATION}.labelNames": ["O", name]},
            f"{EVALUATION}.labelNames[1]",
            "B-, I-, E- or S-",
        )
        for name in ("PER", "B-", "X-PER", "o")
    ),
    ("no goals", {GOALS: []}, GOALS, "at least 1 items"),
    ("goal without a value", {GOALS: [{"type": "Threshold"}]}, f"{GOALS}[0].value", "Required"),
    ("goal without a type", {GOALS: [{"value": "0.9"}]}, f"{GOALS}[0].type", "Required"),
    (
        "goal of an unknown type",
        {GOALS: [{"type": "Best", "value": "0.9"}]},
        f"{GOALS}[0].type",
        '"MaxDegradation"',
    ),
    (
        "two goals of a type",
        {GOALS: [{"type": "Threshold", "value": value} for value in ("0.9", "0.8")]},
        GOALS,
        "Duplicate value",
    ),
    *(
        (f"{kind} {value!r}", {GOALS: [{"type": kind, "value": value}]}, f"{GOALS}[0].value", words)
        for kind, value, words in (
            ("MaxDegradation", "one percent", "decimal number in quotes"),
            ("MaxDegradation", 0.01, "must be of type string"),
            ("MaxDegradation", "1%", "decimal number in quotes"),
            ("Threshold", "1e10", "at most 1e9"),
            ("MaxDegradation", "-0.01", "not negative"),
            ("MaxDegradationPercent", "-1", "not negative"),
            ("MinImprovement", "-0.01", "not negative"),
            ("MinImprovementPercent", "-1", "not negative"),
            ("MaxDegradationPercent", "100.1", 'at most "100"'),
            ("MinImprovementPercent", "101", 'at most "100"'),
        )
    ),
    (
        "accuracy of 98",
        {EVALUATION: {**LABELLED, "goals": [{"type": "Threshold", "value": "98"}]}},
        GOALS,
        'write "0.98" for 98 %',
    ),
    *(
        (
            f"{kind} of {metric}",
            {EVALUATION: {"metric": metric, "goals": [{"type": kind, "value": "0.1"}]}},
            GOALS,
            "nothing agrees with the source model better than itself",
        )
        for metric in ("Top1Agreement", "NeighbourAgreement", "Cosine")
        for kind in ("MinImprovement", "MinImprovementPercent")
    ),
    *(
        (
            f"confidence {value!r}",
            {f"{EVALUATION}.confidence": value},
            f"{EVALUATION}.confidence",
            words,
        )
        for value, words in (
            ("0.5", 'from "0.8" to "0.999"'),
            ("1", 'from "0.8" to "0.999"'),
            ("95%", 'from "0.8" to "0.999"'),
            (0.95, "must be of type string"),
        )
    ),
    # optimization
    (
        "unknown technique",
        {f"{OPTIMIZATION}.techniques": ["Fuse", "Magic"]},
        f"{OPTIMIZATION}.techniques[1]",
        '"Quantize"',
    ),
    (
        "technique twice",
        {f"{OPTIMIZATION}.techniques": ["Fuse", "Fuse"]},
        f"{OPTIMIZATION}.techniques",
        "Duplicate value",
    ),
    (
        "pruning without training",
        {**WITH_CODE, f"{OPTIMIZATION}.techniques": ["Prune"]},
        f"{OPTIMIZATION}.pruning",
        "needs pruning.trainingEntrypoint",
    ),
    (
        "pruning without its entrypoint",
        {**WITH_CODE, OPTIMIZATION: {"techniques": ["Prune"], "pruning": {}}},
        f"{OPTIMIZATION}.pruning.trainingEntrypoint",
        "Required value",
    ),
    (
        "training that is no function",
        {
            **WITH_CODE,
            OPTIMIZATION: {"techniques": ["Prune"], "pruning": {"trainingEntrypoint": "train"}},
        },
        f"{OPTIMIZATION}.pruning.trainingEntrypoint",
        "MODULE:FUNCTION",
    ),
    (
        "pruning of a model without code",
        {OPTIMIZATION: {"techniques": ["Prune"], "pruning": PRUNING}},
        f"{OPTIMIZATION}.techniques",
        "give spec.model.source.pytorch",
    ),
    (
        "pruning that was not asked for",
        {**WITH_CODE, f"{OPTIMIZATION}.pruning": PRUNING},
        f"{OPTIMIZATION}.pruning",
        "does nothing without Prune",
    ),
    *(
        (
            f"pruning ratio {ratio!r}",
            {
                **WITH_CODE,
                OPTIMIZATION: {
                    "techniques": ["Prune"],
                    "pruning": {**PRUNING, "ratios": ["0.5", ratio]},
                },
            },
            f"{OPTIMIZATION}.pruning.ratios",
            words,
        )
        for ratio, words in (
            ("0", 'from "0.01" to "0.99"'),
            ("1", 'from "0.01" to "0.99"'),
            ("-0.5", 'from "0.01" to "0.99"'),
            ("half", 'from "0.01" to "0.99"'),
            (0.7, "must be of type string"),
            ("0.5", "Duplicate value"),
        )
    ),
    *(
        (
            f"speedup {value!r}",
            {f"{OPTIMIZATION}.minSpeedup": value},
            f"{OPTIMIZATION}.minSpeedup",
            words,
        )
        for value, words in (
            ("-1", 'from "0" to "100"'),
            ("2x", 'from "0" to "100"'),
            ("101", 'from "0" to "100"'),
            (2, "must be of type string"),
        )
    ),
    *(
        (
            f"parallelism {value}",
            {f"{OPTIMIZATION}.parallelism": value},
            f"{OPTIMIZATION}.parallelism",
            words,
        )
        for value, words in (
            (0, "greater than or equal to 1"),
            (33, "less than or equal to 32"),
            ("2", "must be of type integer"),
        )
    ),
    (
        "build of no time",
        {"spec.optimization.maxDurationSeconds": 0},
        "spec.optimization.maxDurationSeconds",
        "greater than or equal to 60",
    ),
    (
        "build of two days",
        {"spec.optimization.maxDurationSeconds": 172800},
        "spec.optimization.maxDurationSeconds",
        "less than or equal to 86400",
    ),
    *(
        (
            f"build {name} {value!r} in {side}",
            {BUILD: {side: {name: value}}},
            f"{BUILD}.{side}.{name}",
            words,
        )
        for side in ("requests", "limits")
        for name, value, words in (
            ("cpu", "-1", "cpu must be a quantity from 10m to 512"),
            ("cpu", -1, "cpu must be a quantity from 10m to 512"),
            ("cpu", "many", "cpu must be a quantity from 10m to 512"),
            ("cpu", "2000", "cpu must be a quantity from 10m to 512"),
            ("memory", "-2Gi", "memory must be a quantity from 64Mi to 16Ti"),
            ("memory", 2, "memory must be a quantity from 64Mi to 16Ti"),
            ("memory", "100m", "memory must be a quantity from 64Mi to 16Ti"),
            ("memory", "2GB", "memory must be a quantity from 64Mi to 16Ti"),
            ("memory", "1Pi", "memory must be a quantity from 64Mi to 16Ti"),
        )
    ),
    (
        "build limits below requests",
        {BUILD: {"requests": {"memory": "4Gi"}, "limits": {"memory": "2Gi"}}},
        BUILD,
        "limits.memory is less than requests.memory",
    ),
    (
        "build cpu limit below its request, number and string",
        {BUILD: {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
        BUILD,
        "limits.cpu is less than requests.cpu",
    ),
    # serving
    ("runtime in capitals", {"spec.serving.runtime": "Triton"}, "spec.serving.runtime", "lower"),
    *(
        (
            f"percentile {value}",
            {"spec.serving.latencyObjective.percentile": value},
            "spec.serving.latencyObjective.percentile",
            'from "50" to "99.9"',
        )
        for value in ("0", "49.9", "100", "99.99", "p99", "-99")
    ),
    *(
        (
            f"latency of {value} ms",
            {"spec.serving.latencyObjective.milliseconds": value},
            "spec.serving.latencyObjective.milliseconds",
            words,
        )
        for value, words in (
            (0, "greater than or equal to 1"),
            (-5, "greater than or equal to 1"),
            (600001, "less than or equal to 600000"),
            (0.5, "must be of type integer"),
            ("100ms", "must be of type integer"),
        )
    ),
    (
        "batch of nothing",
        {"spec.serving.maxBatchSize": 0},
        "spec.serving.maxBatchSize",
        "greater than or equal to 1",
    ),
    (
        "endless tuning",
        {"spec.serving.maxTuningDurationSeconds": 86400},
        "spec.serving.maxTuningDurationSeconds",
        "less than or equal to 7200",
    ),
    *(
        (f"serving {name} {value!r}", {f"{SERVING}.limits": {name: value}}, field, words)
        for name, value, field, words in (
            ("cpu", "-1", f"{SERVING}.limits", "cpu must be from 10m to 512"),
            ("cpu", -1, f"{SERVING}.limits[cpu]", "not negative"),
            ("cpu", "2000", f"{SERVING}.limits", "cpu must be from 10m to 512"),
            ("memory", "lots", f"{SERVING}.limits[memory]", "must be a quantity"),
            ("memory", 1, f"{SERVING}.limits", "memory must be from 64Mi to 16Ti"),
            ("memory", "100m", f"{SERVING}.limits", "memory must be from 64Mi to 16Ti"),
            ("nvidia.com/gpu", "0.5", f"{SERVING}.limits", "whole numbers from 1 to 16"),
            ("nvidia.com/gpu", 0, f"{SERVING}.limits", "whole numbers from 1 to 16"),
            ("nvidia.com/gpu", 17, f"{SERVING}.limits", "whole numbers from 1 to 16"),
            ("amd.com/gpu", 1, f"{SERVING}.limits", "known resources are"),
            ("nvidia.com/mig-big", 1, f"{SERVING}.limits", "known resources are"),
        )
    ),
    (
        "serving limits below requests",
        {SERVING: {"requests": {"memory": "1Gi"}, "limits": {"memory": 536870912}}},
        SERVING,
        "limits.memory is less than requests.memory",
    ),
    (
        "a GPU in requests only",
        {SERVING: {"requests": {"nvidia.com/gpu": 1}}},
        SERVING,
        "a GPU cannot be shared",
    ),
    (
        "fewer GPUs in requests than in limits",
        {SERVING: {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": 2}}},
        SERVING,
        "a GPU cannot be shared",
    ),
    # traffic
    (
        "arrivals in small letters",
        {f"{TRAFFIC}.arrivals": "poisson"},
        f"{TRAFFIC}.arrivals",
        'supported values: "Poisson", "ClosedLoop", "Trace"',
    ),
    *(
        (f"{field} {value!r}", {f"{TRAFFIC}.{field}": value}, f"{TRAFFIC}.{field}", words)
        for field, value, words in (
            ("rowsPerSecond", "0", 'from "0.001"'),
            ("rowsPerSecond", "-1", 'from "0.001"'),
            ("rowsPerSecond", "250/s", 'from "0.001"'),
            ("rowsPerSecond", "1000000001", 'to "1000000000"'),
            ("rowsPerSecond", 250, "must be of type string"),
            ("repeatedPercent", "-1", 'from "0" to "100"'),
            ("repeatedPercent", "100.1", 'from "0" to "100"'),
            ("repeatedPercent", "30 %", 'from "0" to "100"'),
            ("repeatedPercent", 30, "must be of type string"),
        )
    ),
    *(
        (
            f"concurrency {value!r}",
            {TRAFFIC: {"arrivals": "ClosedLoop", "concurrency": value}},
            f"{TRAFFIC}.concurrency",
            words,
        )
        for value, words in (
            (0, "greater than or equal to 1"),
            (4097, "less than or equal to 4096"),
            ("8", "must be of type integer"),
        )
    ),
    (
        "closed loop of nobody",
        {f"{TRAFFIC}.arrivals": "ClosedLoop"},
        f"{TRAFFIC}.concurrency",
        "ClosedLoop needs concurrency",
    ),
    (
        "concurrency of independent clients",
        {f"{TRAFFIC}.concurrency": 8},
        f"{TRAFFIC}.concurrency",
        "for arrivals ClosedLoop alone",
    ),
    (
        "trace that was not recorded",
        {f"{TRAFFIC}.arrivals": "Trace"},
        f"{TRAFFIC}.trace",
        "Trace needs trace.uri",
    ),
    (
        "trace of independent clients",
        {f"{TRAFFIC}.trace": {"uri": "s3://b/a.csv"}},
        f"{TRAFFIC}.trace",
        "for arrivals Trace alone",
    ),
    (
        "trace without uri",
        {TRAFFIC: {"arrivals": "Trace", "trace": {}}},
        f"{TRAFFIC}.trace.uri",
        "Required value",
    ),
    *(
        (
            f"trace at {uri}",
            {TRAFFIC: {"arrivals": "Trace", "trace": {"uri": uri}}},
            f"{TRAFFIC}.trace.uri",
            words,
        )
        for uri, words in (
            ("/traces/a.csv", "must start with pvc://"),
            ("file:///etc/passwd", "must start with pvc://"),
            ("pvc://a/../b", "'.' or '..'"),
        )
    ),
    ("no lengths", {LENGTHS: []}, LENGTHS, "at least 1 items"),
    (
        "nine lengths",
        {LENGTHS: [{"length": length, "percent": "12.5"} for length in range(1, 10)]},
        LENGTHS,
        "at most 8 items",
    ),
    (
        "a length twice",
        {LENGTHS: [{"length": 16, "percent": "50"}, {"length": 16, "percent": "50"}]},
        LENGTHS,
        "Duplicate value",
    ),
    (
        "lengths of half of the requests",
        {LENGTHS: [{"length": 16, "percent": "50"}]},
        LENGTHS,
        "must add up to 100",
    ),
    *(
        (f"a length {share}", {LENGTHS: [share]}, f"{LENGTHS}[0].{field}", words)
        for share, field, words in (
            ({"percent": "100"}, "length", "Required value"),
            ({"length": 16}, "percent", "Required value"),
            ({"length": 0, "percent": "100"}, "length", "greater than or equal to 1"),
            ({"length": 16, "percent": "all"}, "percent", "must be a decimal number"),
        )
    ),
    ("no sizes", {ROWS: []}, ROWS, "at least 1 items"),
    (
        "nine sizes",
        {ROWS: [{"rows": rows, "percent": "12.5"} for rows in range(1, 10)]},
        ROWS,
        "at most 8 items",
    ),
    (
        "a size twice",
        {ROWS: [{"rows": 2, "percent": "50"}, {"rows": 2, "percent": "50"}]},
        ROWS,
        "Duplicate value",
    ),
    (
        "half of the requests",
        {ROWS: [{"rows": 1, "percent": "50"}]},
        ROWS,
        "must add up to 100",
    ),
    (
        "more than all of the requests",
        {ROWS: [{"rows": 1, "percent": "60"}, {"rows": 2, "percent": "40.02"}]},
        ROWS,
        "must add up to 100",
    ),
    (
        "requests that are larger than the default batch",
        {ROWS: [{"rows": 17, "percent": "100"}]},
        ROWS,
        "which is 16 when left out",
    ),
    (
        "requests that are larger than the batch",
        {"spec.serving.maxBatchSize": 4, ROWS: [{"rows": 5, "percent": "100"}]},
        ROWS,
        "raise maxBatchSize",
    ),
    *(
        (f"a share of {share}", {ROWS: [share]}, f"{ROWS}[0].{field}", words)
        for share, field, words in (
            ({"percent": "100"}, "rows", "Required value"),
            ({"rows": 1}, "percent", "Required value"),
            ({"rows": 0, "percent": "100"}, "rows", "greater than or equal to 1"),
            ({"rows": 1025, "percent": "100"}, "rows", "less than or equal to 1024"),
            ({"rows": "1", "percent": "100"}, "rows", "must be of type integer"),
            ({"rows": 1, "percent": 100}, "percent", "must be of type string"),
            ({"rows": 1, "percent": "all"}, "percent", 'from "0.001" to "100"'),
            ({"rows": 1, "percent": "0"}, "percent", 'from "0.001" to "100"'),
            ({"rows": 1, "percent": "101"}, "percent", 'from "0.001" to "100"'),
        )
    ),
    # scaling
    (
        "min above max",
        {"spec.scaling": {"minReplicas": 5, "maxReplicas": 2}},
        "spec.scaling.minReplicas",
        "may not be more than maxReplicas",
    ),
    (
        "min above the default of max",
        {"spec.scaling.minReplicas": 5},
        "spec.scaling.minReplicas",
        "which is 4 when left out",
    ),
    *(
        (f"{field} {value}", {f"spec.scaling.{field}": value}, f"spec.scaling.{field}", words)
        for field, value, words in (
            ("minReplicas", 0, "greater than or equal to 1"),
            ("minReplicas", -1, "greater than or equal to 1"),
            ("maxReplicas", 1001, "less than or equal to 1000"),
            ("replicas", -1, "greater than or equal to 0"),
            ("replicas", 1001, "less than or equal to 1000"),
            ("mode", "auto", 'supported values: "Auto", "Recommend"'),
            ("onMetricsLoss", "safe", 'supported values: "Hold", "Safe"'),
        )
    ),
    # store
    ("store without uri", {"spec.store": {}}, "spec.store.uri", "Required value"),
    *(
        (f"store {uri!r}", {"spec.store.uri": uri}, "spec.store.uri", words)
        for uri, words in (
            ("https://host/a", "must be pvc://CLAIM/PATH or s3://BUCKET/PREFIX"),
            ("pvc://", "must be pvc://CLAIM/PATH or s3://BUCKET/PREFIX"),
            ("s3://key:secret@b/a", "must be pvc://CLAIM/PATH or s3://BUCKET/PREFIX"),
            ("pvc://a/../../b", "'.' or '..'"),
        )
    ),
    (
        "secret with a pvc store",
        {"spec.store": {"uri": "pvc://models/x", "secretName": "s3"}},
        "spec.store.secretName",
        "neither spec.store.uri nor",
    ),
    (
        "secret in capitals",
        {"spec.store": {"uri": "s3://b/x", "secretName": "S3"}},
        "spec.store.secretName",
        "the name of a Secret",
    ),
    ("suspend in words", {"spec.suspend": "yes"}, "spec.suspend", "must be of type boolean"),
    # unknown fields: kubectl's strict validation, which is its default
    ("unknown field", {"spec.replica": 1}, "spec.replica", "unknown field"),
    (
        "unknown field deep down",
        {"spec.serving.latencyObjective.milisecond": 1},
        "spec.serving.latencyObjective.milisecond",
        "unknown field",
    ),
    (
        "GPU for the build",
        {f"{BUILD}.limits": {"nvidia.com/gpu": 1}},
        f"{BUILD}.limits.nvidia.com/gpu",
        "unknown field",
    ),
]

ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    *(
        (f"source {kind}", {ONNX: GONE, f"{SOURCE}.{kind}": {"uri": "pvc://models/a"}})
        for kind in ("torchExport", "tensorflow")
    ),
    (
        "everything about an evaluation",
        {
            EVALUATION: {
                **LABELLED,
                "metric": "EntityF1",
                "labelNames": ["O", "B-PER", "I-PER", "S-Ort", "E-a b"],
                "dataDigest": "sha256:" + "0" * 64,
                "output": "logits",
                "goals": [
                    {"type": "Threshold", "value": "0.9"},
                    {"type": "MaxDegradation", "value": "1e-2"},
                    {"type": "MaxDegradationPercent", "value": "100"},
                    {"type": "MinImprovement", "value": "0"},
                    {"type": "MinImprovementPercent", "value": "0.5"},
                ],
                "confidence": "0.999",
            }
        },
    ),
    (
        "a metric of the user's own, of any size",
        {
            EVALUATION: {
                "metric": "Entrypoint",
                "entrypoint": "metrics.own:score",
                "goals": [{"type": "Threshold", "value": "-17.5"}],
            }
        },
    ),
    (
        "an error above 1",
        {
            EVALUATION: {
                "metric": "MeanAbsoluteError",
                "goals": [{"type": "Threshold", "value": "2.5"}],
            }
        },
    ),
    ("names of classes without a metric", {f"{EVALUATION}.labelNames": ["O", "B-A"]}),
    ("no techniques", {f"{OPTIMIZATION}.techniques": []}),
    (
        "everything about an optimization",
        {
            **WITH_CODE,
            OPTIMIZATION: {
                "techniques": list(TECHNIQUES),
                "minSpeedup": "1.5",
                "parallelism": 32,
                "pruning": {**PRUNING, "ratios": ["0.25", "0.5"]},
                "maxDurationSeconds": 86400,
            },
        },
    ),
    (
        "secret for s3 data with a pvc store",
        {
            f"{EVALUATION}.dataUri": "s3://b/data.parquet",
            "spec.store": {"uri": "pvc://models/x", "secretName": "s3"},
        },
    ),
    ("the least", {}),
    ("a name of 40", {"metadata.name": "a" + "-" * 38 + "b"}),
    *(
        (f"source {uri}", {f"{ONNX}.uri": uri})
        for uri in (
            "pvc://models",
            "pvc://my.claim/a b/c.onnx",
            "s3://bucket/a@b/v1..2/.hidden/",
            "https://host.example:8443/a.tar.gz",
            "http://10.0.0.7:80/a.onnx",
        )
    ),
    ("pytorch", {ONNX: GONE, PYTORCH: {**PYTORCH_SOURCE, "digest": "sha256:" + "0" * 64}}),
    ("deep entrypoint", {ONNX: GONE, PYTORCH: {"uri": "s3://b/a", "entrypoint": "a.b_c.d1:_f"}}),
    (
        "exact parity",
        {
            "spec.evaluation.parity": {
                "absoluteTolerance": "0",
                "relativeTolerance": "1e-5",
                "minimumCosine": "1",
            }
        },
    ),
    *(
        (f"percentile {value}", {"spec.serving.latencyObjective.percentile": value})
        for value in ("50", "99", "99.9", "95.5")
    ),
    ("resources in numbers", {BUILD: {"requests": {"cpu": 2, "memory": 4294967296}}}),
    ("no resources", {BUILD: {}, SERVING: {}}),
    (
        "equal resources, written differently",
        {SERVING: {"requests": {"cpu": "1000m"}, "limits": {"cpu": 1, "memory": "2e9"}}},
    ),
    (
        "a MIG slice",
        {SERVING: {"limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/mig-1g.10gb": 1}}},
    ),
    (
        "a GPU on both sides",
        {SERVING: {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": 1}}},
    ),
    *(
        (f"traffic: {words}", {TRAFFIC: traffic})
        for words, traffic in (
            ("nothing said", {}),
            ("a rate", {"rowsPerSecond": "250.5", "repeatedPercent": "100"}),
            ("clients that wait", {"arrivals": "ClosedLoop", "concurrency": 4096}),
            (
                "recorded",
                {"arrivals": "Trace", "trace": {"uri": "pvc://traces/a.csv"}},
            ),
            (
                "lengths",
                {
                    "lengths": [
                        {"length": length, "percent": "12.5"}
                        for length in (1, 8, 16, 32, 64, 512, 4096, 1_048_576)
                    ]
                },
            ),
            (
                "thirds",
                {"rowsPerRequest": [{"rows": rows, "percent": "33.33"} for rows in (1, 4, 16)]},
            ),
            (
                "eight sizes",
                {"rowsPerRequest": [{"rows": rows, "percent": "12.5"} for rows in range(1, 9)]},
            ),
        )
    ),
    (
        "requests of 1024 rows",
        {"spec.serving.maxBatchSize": 1024, ROWS: [{"rows": 1024, "percent": "100"}]},
    ),
    (
        "secret for a trace in S3 with a pvc store",
        {
            TRAFFIC: {"arrivals": "Trace", "trace": {"uri": "s3://b/a.csv"}},
            "spec.store": {"uri": "pvc://models/x", "secretName": "s3"},
        },
    ),
    ("replicas by hand, none", {"spec.scaling.replicas": 0}),
    ("replicas given back", {"spec.scaling.replicas": None}),
    ("s3 store", {"spec.store": {"uri": "s3://b", "secretName": "my.secret"}}),
    (
        "secret for an s3 source with a pvc store",
        {
            f"{ONNX}.uri": "s3://b/a.onnx",
            "spec.store": {"uri": "pvc://models/x", "secretName": "s3"},
        },
    ),
]


@pytest.mark.parametrize(
    ("changes", "field", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_nonsense_is_refused_and_the_field_is_named(
    kubectl: Kubectl, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = dry_run(kubectl, service(changes))

    assert answer.returncode != 0
    flat = " ".join(answer.stderr.split())
    assert field in flat
    assert words in flat
    assert "evaluation error" not in flat, "a rule broke instead of speaking"


@pytest.mark.parametrize("changes", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_sense_is_accepted(kubectl: Kubectl, changes: dict[str, Any]) -> None:
    answer = dry_run(kubectl, service(changes))

    assert answer.returncode == 0, answer.stderr
