{{/* Names, labels and images, in one place. */}}

{{- define "modelservice-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "modelservice-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "modelservice-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "modelservice-operator.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "modelservice-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "modelservice-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "modelservice-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "modelservice-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: modelservice-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "modelservice-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "modelservice-operator.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* The Secret that the operator makes for itself: what the services' admin keys come from. */}}
{{- define "modelservice-operator.masterKeyName" -}}
{{ include "modelservice-operator.fullname" . }}-master-key
{{- end }}

{{/* An image of this project. Call with (dict "root" $ "repository" … "tag" …). */}}
{{- define "modelservice-operator.image" -}}
{{- with .root.Values.imageRegistry }}{{ . }}/{{ end -}}
{{ .repository }}:{{ .tag | default .root.Chart.AppVersion }}
{{- end }}
