{{/* Binds a role of a namespace to livekey's account: {root, role, namespace}. */}}
{{- define "livekey.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .role }}
  namespace: {{ .namespace }}
  labels:
    {{- include "livekey.labels" .root | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ .role }}}
subjects:
  - {kind: ServiceAccount, name: {{ include "livekey.serviceAccountName" .root }}, namespace: {{ .root.Release.Namespace }}}
{{- end -}}
