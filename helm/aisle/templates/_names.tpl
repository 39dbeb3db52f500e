{{/* What the names of everything begin with: short enough for what is put behind it. */}}
{{- define "aisle.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The labels by which pods of this release are chosen. They never change. */}}
{{- define "aisle.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of everything in the release. */}}
{{- define "aisle.labels" -}}
{{ include "aisle.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: aisle
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* What the code and the chart share (checks/chart.py writes it). */}}
{{- define "aisle.mesh" -}}
{{- .Files.Get "files/mesh.json" -}}
{{- end -}}

{{/* An image by digest where there is one. Call with a dict of `root`, `image` and `what`. */}}
{{- define "aisle.image" -}}
{{- $repository := required (printf "%s.repository is missing: name the image." .what) .image.repository -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "aisle.trustDomain" -}}
{{- default (printf "%s.%s.aisle" .Release.Name .Release.Namespace) .Values.trust.domain -}}
{{- end -}}

{{/* The SPIFFE id of a workload. Call with a dict of `root` and `workload`. */}}
{{- define "aisle.identity" -}}
{{- printf "spiffe://%s/ns/%s/sa/%s" (include "aisle.trustDomain" .root) .root.Release.Namespace .workload -}}
{{- end -}}

{{/* The settings of a workload: its own over the defaults. Call with a dict of `root` and `workload`. */}}
{{- define "aisle.settings" -}}
{{- $own := index .root.Values.services .workload -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) | toYaml -}}
{{- end -}}

{{/* The service account of a workload. Call with a dict of `root` and `workload`. */}}
{{- define "aisle.serviceAccount" -}}
{{- $settings := include "aisle.settings" . | fromYaml -}}
{{- default (printf "%s-%s" (include "aisle.fullname" .root) .workload) $settings.serviceAccountName -}}
{{- end -}}

{{/* The Secret with everything secret, or a word on what is missing. */}}
{{- define "aisle.secret" -}}
{{- if .Values.secrets.existing -}}
{{- .Values.secrets.existing -}}
{{- else if .Values.secrets.external.store.name -}}
{{- printf "%s-secrets" (include "aisle.fullname" .) -}}
{{- else -}}
{{- fail "There are no secrets, and none is made up: set secrets.existing to a Secret with the keys that README.md lists, or secrets.external.store.name to a store of External Secrets." -}}
{{- end -}}
{{- end -}}

{{/* The security context of a pod, as `restricted` asks for it. */}}
{{- define "aisle.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The security context of a container. */}}
{{- define "aisle.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods go: apart from each other, over zones and nodes. Call with a dict of `root`, `settings` and `labels`. */}}
{{- define "aisle.placement" -}}
topologySpreadConstraints:
  {{- range $key, $when := dict "topology.kubernetes.io/zone" .settings.spread "kubernetes.io/hostname" "ScheduleAnyway" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $when }}
    labelSelector:
      matchLabels: {{ $.labels | toJson }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- with .settings.nodeSelector }}
nodeSelector: {{ . | toJson }}
{{- end }}
{{- with .settings.tolerations }}
tolerations: {{ . | toJson }}
{{- end }}
{{- end -}}

{{- define "aisle.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ . | toJson }}
{{- end }}
{{- end -}}
