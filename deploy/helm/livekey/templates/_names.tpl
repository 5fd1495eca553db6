{{/* The name of everything the chart makes: the release's, led by livekey unless it says so itself. */}}
{{- define "livekey.name" -}}
{{- if contains "livekey" .Release.Name -}}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-livekey" .Release.Name | trunc 52 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{/* A name of its own: kustomize would take a Lease of the same name for the ConfigMap, and rename it in the Role. */}}
{{- define "livekey.configName" -}}{{ include "livekey.name" . }}-config{{- end -}}

{{/* By these a Service and a NetworkPolicy find the pods. They never change. */}}
{{- define "livekey.selector" -}}
app.kubernetes.io/name: livekey
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "livekey.labels" -}}
{{ include "livekey.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* name, namespace and labels of an object in the release's namespace. */}}
{{- define "livekey.metadata" -}}
name: {{ include "livekey.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "livekey.labels" . | nindent 2 }}
{{- end -}}

{{- define "livekey.serviceAccountName" -}}
{{- $name := .Values.serviceAccount.name -}}
{{- if and (eq .Values.mode "sidecar") (eq (include "livekey.asksTheAPI" .) "true") (not $name) -}}
{{- fail "serviceAccount.name is required with secrets or Events in mode sidecar: the account of the pods that livekey runs in" -}}
{{- end -}}
{{- if $name }}{{ $name }}
{{- else if .Values.serviceAccount.create }}{{ include "livekey.name" . }}
{{- else }}{{ fail "serviceAccount.name is required where serviceAccount.create is false" }}{{- end -}}
{{- end -}}
