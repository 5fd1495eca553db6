{{/* livekey.yaml: what the chart says, and over it what the values say. */}}
{{- define "livekey.config" -}}
{{- $own := dict
      "state_dir" "/dev/shm/livekey"
      "socket" "/run/livekey/livekey.sock"
      "metrics" "0.0.0.0:9474"
      "log" (dict "format" "json") -}}
{{- if eq .Values.mode "cluster" -}}
{{- $_ := set $own "lease" (dict "name" (include "livekey.name" .) "namespace" .Release.Namespace) -}}
{{- end -}}
{{- if and (eq .Values.mode "node") .Values.node.stateDir -}}
{{- $_ := set $own "state_dir" .Values.node.stateDir -}}
{{- end -}}
{{- if .Values.salt.secretName -}}
{{- $_ := set $own "salt_file" (printf "/etc/livekey-salt/%s" .Values.salt.key) -}}
{{- end -}}
{{- mergeOverwrite $own (deepCopy .Values.config) | toYaml -}}
{{- end -}}

{{/* The port of metrics, /live and /ready. */}}
{{- define "livekey.port" -}}
{{- regexFind "[0-9]+$" (include "livekey.config" . | fromYaml).metrics -}}
{{- end -}}

{{/*
The Secrets that livekey may touch, as a map of namespace to {read, write, annotate}: lists of names.
*/}}
{{- define "livekey.grants" -}}
{{- $grants := dict -}}
{{- range .Values.secrets -}}
{{- $namespace := .namespace | default $.Release.Namespace -}}
{{- $grant := get $grants $namespace | default (dict "read" list "write" list "annotate" list) -}}
{{- if ne .read false }}{{ $_ := set $grant "read" (append $grant.read .name) }}{{ end -}}
{{- if .write }}{{ $_ := set $grant "write" (append $grant.write .name) }}{{ end -}}
{{- if .gate }}{{ $_ := set $grant "write" (append $grant.write (printf "%s-proved" .name)) }}{{ end -}}
{{- if .annotate }}{{ $_ := set $grant "annotate" (append $grant.annotate .name) }}{{ end -}}
{{- $_ := set $grants $namespace $grant -}}
{{- end -}}
{{- toYaml $grants -}}
{{- end -}}

{{/* Whether an alert becomes an Event. */}}
{{- define "livekey.events" -}}
{{- $events := false -}}
{{- range $name, $channel := .Values.config.alerts -}}
{{- if eq ($channel.kind | default $name) "kubernetes_events" }}{{ $events = true }}{{ end -}}
{{- end -}}
{{- $events -}}
{{- end -}}

{{/* Whether livekey talks to the API server: for a Lease, for Secrets, or for Events. */}}
{{- define "livekey.asksTheAPI" -}}
{{- or (eq .Values.mode "cluster") (not (empty .Values.secrets)) (eq (include "livekey.events" .) "true") -}}
{{- end -}}

{{/*
Refuses a config that wants what `secrets` does not allow: the API server would refuse it too, but later, and in a log.
*/}}
{{- define "livekey.check" -}}
{{- $grants := include "livekey.grants" . | fromYaml -}}
{{- range $name, $key := .Values.config.keys -}}
{{- $references := list $key.from -}}
{{- if kindIs "map" $key.from }}{{ $references = values $key.from }}{{ end -}}
{{- range $reference := compact $references -}}
{{- $source := regexFind "^[^:]*" $reference -}}
{{- $settings := get ($.Values.config.sources | default dict) $source | default dict -}}
{{- $kind := $settings.kind | default $source -}}
{{- if eq $kind "kubernetes" -}}
{{- $path := regexReplaceAll "[?#].*$" (trimPrefix (printf "%s://" $source) $reference) "" -}}
{{- $needs := dict "root" $ "grants" $grants "verb" "read" "path" $path "who" (printf "keys.%s" $name) -}}
{{- include "livekey.granted" $needs -}}
{{- if $settings.annotate }}{{ include "livekey.granted" (set $needs "verb" "annotate") }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $sink := .Values.config.sinks -}}
{{- if eq ($sink.kind | default $name) "kubernetes_secret" -}}
{{- $path := printf "%s/%s" ($sink.namespace | default $.Release.Namespace) $sink.name -}}
{{- include "livekey.granted" (dict "root" $ "grants" $grants "verb" "write" "path" $path "who" (printf "sinks.%s" $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "livekey.granted" -}}
{{- $steps := splitList "/" .path -}}
{{- $namespace := ternary (first $steps) .root.Release.Namespace (eq (len $steps) 2) -}}
{{- $grant := get .grants $namespace | default dict -}}
{{- if not (has (last $steps) (get $grant .verb | default list)) -}}
{{- $entry := printf "{name: %s, namespace: %s}" (last $steps) $namespace -}}
{{- if eq .verb "annotate" -}}
{{- $entry = printf "{name: %s, namespace: %s, annotate: true}" (last $steps) $namespace -}}
{{- else if eq .verb "write" -}}
{{- $entry = printf "{name: %s, namespace: %s, gate: true}, or of {name: %s, namespace: %s, write: true}" (trimSuffix "-proved" (last $steps)) $namespace (last $steps) $namespace -}}
{{- end -}}
{{- fail (printf "config.%s needs the right to %s the Secret %s/%s, which no entry of secrets gives: there has to be one of %s" .who .verb $namespace (last $steps) $entry) -}}
{{- end -}}
{{- end -}}
