{{/*
livekey beside the containers of another chart. That chart has this one as a dependency, with `mode: sidecar`, and its
pod says, "." being its own context and `livekey` the dependency's name:

  initContainers:
    {{- include "livekey.sidecar" .Subcharts.livekey | nindent 4 }}
  containers:
    - name: app
      volumeMounts:
        {{- include "livekey.sidecar.mounts" .Subcharts.livekey | nindent 8 }}
  volumes:
    {{- include "livekey.sidecar.volumes" .Subcharts.livekey | nindent 4 }}

The containers read /run/livekey, as the same user or as a member of the pod's fsGroup.
*/}}
{{- define "livekey.sidecar" -}}
{{- if ne .Values.mode "sidecar" }}{{ fail "livekey.sidecar needs mode: sidecar in the values of livekey" }}{{ end -}}
-
  {{- include "livekey.container" . | nindent 2 }}
{{- end -}}

{{- define "livekey.sidecar.mounts" -}}
- {name: livekey-run, mountPath: /run/livekey, readOnly: true}
{{- end -}}

{{- define "livekey.sidecar.volumes" -}}
{{ include "livekey.volumes" . }}
{{- end -}}

{{/* An annotation of the pod by which a changed config starts it anew. */}}
{{- define "livekey.sidecar.annotations" -}}
checksum/livekey-config: {{ include "livekey.config" . | sha256sum }}
{{- end -}}
