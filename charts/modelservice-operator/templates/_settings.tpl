{{/* The operator's settings file (modelservice_operator.settings), as JSON. */}}
{{- define "modelservice-operator.settings" -}}
{{- $root := . }}
{{- $runtimes := list }}
{{- range .Values.runtimes }}
{{- $serving := include "modelservice-operator.image" (dict "root" $root "repository" "modelservice-serving" "tag" "") }}
{{- $tuner := include "modelservice-operator.image" (dict "root" $root "repository" "modelservice-tuner" "tag" "") }}
{{- $runtimes = append $runtimes (dict
      "name" .name
      "image" (.image | default $serving)
      "tunerImage" (.tunerImage | default $tuner)
      "backend" (.backend | default "onnxruntime")
      "engines" (.engines | default list)
      "nodeSelector" (.nodeSelector | default dict)
      "tolerations" (.tolerations | default list)
      "priorityClassName" (.priorityClassName | default "")) }}
{{- end }}
{{- $balancer := dict }}
{{- range $key, $value := .Values.balancer }}
{{- if ne $key "gpus" }}
{{- $_ := set $balancer $key (int $value) }}
{{- end }}
{{- end }}
{{- $gpus := dict }}
{{- range $key, $value := .Values.balancer.gpus }}
{{- $_ := set $gpus $key (int $value) }}
{{- end }}
{{- $_ := set $balancer "gpus" $gpus }}
{{- $tuning := dict }}
{{- range $key, $value := .Values.tuning }}
{{- $_ := set $tuning $key (int $value) }}
{{- end }}
{{- dict
      "builderImage" (include "modelservice-operator.image" (dict "root" . "repository" .Values.builderImage.repository "tag" .Values.builderImage.tag))
      "kerasBuilderImage" (include "modelservice-operator.image" (dict "root" . "repository" .Values.kerasBuilderImage.repository "tag" .Values.kerasBuilderImage.tag))
      "imagePullPolicy" .Values.image.pullPolicy
      "store" (dict "uri" .Values.store.uri "secretName" .Values.store.secretName)
      "prometheusUrl" .Values.prometheus.url
      "watchNamespaces" .Values.watchNamespaces
      "runtimes" $runtimes
      "balancer" $balancer
      "jobs" (dict "attempts" (int .Values.jobs.attempts) "backoffSeconds" (int .Values.jobs.backoffSeconds))
      "tuning" $tuning
      "masterKey" (dict "namespace" .Release.Namespace "secretName" (include "modelservice-operator.masterKeyName" .))
      "resyncSeconds" (int .Values.resyncSeconds)
      "logFormat" .Values.logFormat
    | toPrettyJson }}
{{- end }}
