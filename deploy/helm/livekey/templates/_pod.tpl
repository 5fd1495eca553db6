{{- define "livekey.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* What no container of livekey goes without. */}}
{{- define "livekey.containerSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.securityContext.runAsUser }}
runAsGroup: {{ .Values.securityContext.runAsGroup }}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/*
The container, in every mode. It lives while the process moves, whatever backends and issuers do; it is ready once
every required key is delivered. "sidecar" makes it one that holds back the containers after it until then.
*/}}
{{- define "livekey.container" -}}
{{- $port := include "livekey.port" . -}}
name: livekey
image: {{ include "livekey.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [/livekey, run, --config, /etc/livekey/livekey.yaml]
{{- if eq .Values.mode "sidecar" }}
restartPolicy: Always
{{- end }}
env:
  - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
  - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
  - {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: metrics, containerPort: {{ $port }}}
{{- if eq .Values.mode "sidecar" }}
# The containers after this one start once this succeeds.
{{- if eq .Values.sidecar.hold "command" }}
lifecycle:
  postStart:
    exec: {command: [/livekey, wait, --timeout, {{ .Values.sidecar.timeout }}, --config, /etc/livekey/livekey.yaml]}
{{- else }}
startupProbe:
  httpGet: {path: /ready, port: metrics}
  periodSeconds: 1
  failureThreshold: 86400
{{- end }}
{{- end }}
readinessProbe:
  httpGet: {path: /ready, port: metrics}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /live, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "livekey.containerSecurityContext" . | nindent 2 }}
volumeMounts:
  - {name: livekey-config, mountPath: /etc/livekey, readOnly: true}
  - {name: livekey-run, mountPath: /run/livekey}
  {{- if .Values.salt.secretName }}
  - {name: livekey-salt, mountPath: /etc/livekey-salt, readOnly: true}
  {{- end }}
  {{- if eq .Values.mode "node" }}
  {{- range $i, $path := include "livekey.hostPaths" . | fromYamlArray }}
  - {name: host-{{ $i }}, mountPath: {{ $path }}}
  {{- end }}
  {{- end }}
  {{- with .Values.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "livekey.hostPaths" -}}
{{- .Values.node.stateDir | list | compact | concat .Values.node.hostPaths | toYaml -}}
{{- end -}}

{{- define "livekey.volumes" -}}
- name: livekey-config
  configMap: {name: {{ include "livekey.configName" . }}}
- name: livekey-run
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- if .Values.salt.secretName }}
- name: livekey-salt
  secret: {secretName: {{ .Values.salt.secretName }}, defaultMode: 0440}
{{- end }}
{{- if eq .Values.mode "node" }}
{{- range $i, $path := include "livekey.hostPaths" . | fromYamlArray }}
- name: host-{{ $i }}
  hostPath: {path: {{ $path }}, type: Directory}
{{- end }}
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A pod that is livekey and nothing else. */}}
{{- define "livekey.pod" -}}
metadata:
  labels:
    {{- include "livekey.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: livekey
    checksum/config: {{ include "livekey.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "livekey.serviceAccountName" . }}
  # Only who talks to the API server gets a token for it.
  automountServiceAccountToken: {{ include "livekey.asksTheAPI" . }}
  enableServiceLinks: false
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    fsGroup: {{ .Values.securityContext.runAsGroup }}
    seccompProfile: {type: RuntimeDefault}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.mode "cluster" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector: {matchLabels: {{ include "livekey.selector" . | fromYaml | toJson }}}
  {{- end }}
  containers:
    -
      {{- include "livekey.container" . | nindent 6 }}
  volumes:
    {{- include "livekey.volumes" . | nindent 4 }}
{{- end -}}
