{{/*
What the operator may do in a namespace that it watches: one rule per need. Exact verbs; a test
compares them with the calls in the API server's audit log. Server-side apply is a patch there,
but the API server asks for create as well when the object is not there yet.
*/}}
{{- define "modelservice-operator.rules" -}}
# Watch (kopf, resync) and read (reconcile) the services. Never write them: spec is the user's.
- apiGroups: [modelservice.dev]
  resources: [modelservices]
  verbs: [get, list, watch]
# Report.
- apiGroups: [modelservice.dev]
  resources: [modelservices/status]
  verbs: [patch]
{{- if .Values.rbac.ownerReferences }}
# Set blockOwnerDeletion where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [modelservice.dev]
  resources: [modelservices/finalizers]
  verbs: [update]
{{- end }}
# Build and tune: Jobs are created, watched, and deleted when the spec asks for something else.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, delete, list, watch]
# Serve: apply the Deployment, and its replicas as a second field manager.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [create, list, patch, watch]
# Serve: what belongs to the Deployment; applied, never read, deleted by the garbage collector.
- apiGroups: [""]
  resources: [serviceaccounts, services]
  verbs: [create, patch]
# Serve: how many of its pods may be drained at once.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [create, patch]
# Keep: results of Jobs and serving configurations; those that nobody needs are deleted.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create, delete, list, patch]
# Retune: the key with which the operator alone may change what a running Triton serves. Only
# create: it is computed, not remembered, so no Secret of a watched namespace is ever read.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
# See: how Jobs and replicas are doing, and why not. Scale down: mark which of them go first.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch, watch]
# Share: how many GPUs a namespace may have.
- apiGroups: [""]
  resources: [resourcequotas]
  verbs: [list]
# Notice who else sets the replicas of a Deployment of ours.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
# Progress of a running Job, and the last lines of one that failed.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# Tell.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}
