{{/* Rules of network policies, each a list of one. */}}
{{- define "aisle.toDNS" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    {{- range .Values.networkPolicy.dns }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end -}}

{{/* Pods of this release by workload. Call with a dict of `root` and `workloads`. */}}
{{- define "aisle.peers" -}}
- podSelector:
    matchLabels:
      {{- include "aisle.selector" .root | nindent 6 }}
    matchExpressions:
      - {key: aisle.dev/workload, operator: In, values: {{ .workloads | toJson }}}
{{- end -}}

{{/* A pod of this release beside the workloads. Call with a dict of `root` and `part`. */}}
{{- define "aisle.part" -}}
- podSelector:
    matchLabels:
      {{- include "aisle.selector" .root | nindent 6 }}
      aisle.dev/part: {{ .part }}
{{- end -}}

{{/* A data store, inside the release or outside. Call with a dict of `root`, `inside` (a part, or empty) and `port`. */}}
{{- define "aisle.toStore" -}}
- to:
    {{- if .inside }}
    {{- include "aisle.part" (dict "root" .root "part" .inside) | nindent 4 }}
    {{- else }}
    {{- range .root.Values.networkPolicy.datastores }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
    {{- end }}
  ports: [{protocol: TCP, port: {{ int .port }}}]
{{- end -}}

{{/* Providers of models, S3 and AWS. */}}
{{- define "aisle.toOutside" -}}
- to:
    {{- range .Values.networkPolicy.outside }}
    - ipBlock: {cidr: {{ . | quote }}, except: {{ $.Values.networkPolicy.outsideExcept | toJson }}}
    {{- end }}
    {{- range .Values.networkPolicy.privateEndpoints }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports: [{protocol: TCP, port: 443}]
{{- end -}}

{{/* The agent of EKS Pod Identity on the node. */}}
{{- define "aisle.toPodIdentity" -}}
- to: [{ipBlock: {cidr: 169.254.170.23/32}}, {ipBlock: {cidr: "fd00:ec2::23/128"}}]
  ports: [{protocol: TCP, port: 80}]
{{- end -}}
