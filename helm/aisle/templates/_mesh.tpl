{{/* Envoy's files: what it starts with, and where it finds who it is. */}}
{{- define "aisle.bootstraps" -}}
{{- $host := printf "%s-mesh.%s.svc" (include "aisle.fullname" .) .Release.Namespace -}}
{{- $id := include "aisle.identity" (dict "root" . "workload" "control-plane") -}}
{{- $plain := .Files.Get "files/bootstrap.json" | replace "@CONTROL_PLANE_HOST@" $host | replace "@CONTROL_PLANE_ID@" $id -}}
{{- $beside := mul (int .Values.envoy.heapMegabytes) 1048576 | toString -}}
bootstrap.json: {{ $plain | replace "@MAX_HEAP_BYTES@" $beside | toJson }}
bootstrap-edge.json: {{ $plain | replace "@MAX_HEAP_BYTES@" (mul (int .Values.edge.heapMegabytes) 1048576 | toString) | toJson }}
bootstrap-beside.json: {{ .Files.Get "files/bootstrap-beside.json" | replace "@MAX_HEAP_BYTES@" $beside | toJson }}
own.json: {{ .Files.Get "files/own.json" | toJson }}
authorities.json: {{ .Files.Get "files/authorities.json" | toJson }}
{{- end -}}

{{/* The registry that the control plane reads: everything but where replicas are, which it follows itself. */}}
{{- define "aisle.registry" -}}
{{- $root := . -}}
{{- $mesh := include "aisle.mesh" . | fromJson -}}
{{- $services := dict -}}
{{- $workloads := dict -}}
{{- range $name, $about := $mesh.workloads -}}
{{- $known := dict "probe" (dict "address" "0.0.0.0" "port" $mesh.ports.probe) -}}
{{- if ne $name "edge" -}}
{{- $_ := set $known "egress" (dict "address" "127.0.0.1" "port" $mesh.ports.egress) -}}
{{- end -}}
{{- $_ := set $workloads $name $known -}}
{{- range $service, $said := $about.services -}}
{{- $inbound := dict "address" "0.0.0.0" "port" $said.inbound -}}
{{- $application := dict "address" "127.0.0.1" "port" $said.application -}}
{{- $_ := set $services $service (dict "protocol" $said.protocol "workload" $name "inbound" $inbound "application" $application) -}}
{{- end -}}
{{- end -}}
{{- $issuers := list $mesh.issuer -}}
{{- $theirs := .Values.services.bff.settings -}}
{{- if and $theirs.oidc_issuer $theirs.oidc_audience -}}
{{- $claim := default "roles" $theirs.oidc_role_claim -}}
{{- $issuers = append $issuers (dict "issuer" $theirs.oidc_issuer "audiences" (list $theirs.oidc_audience) "service" "bff" "path" "/.well-known/oidc-jwks.json" "role_claim" $claim) -}}
{{- end -}}
{{- $edge := dict "address" "0.0.0.0" "port" $mesh.ports.edge "trusted_hops" .Values.edge.trustedHops "requests_per_second" .Values.edge.requestsPerSecond "access_log" .Values.edge.accessLog -}}
{{- $trust := dict "domain" (include "aisle.trustDomain" .) "namespace" .Release.Namespace "certificates" "/var/run/aisle/certificates" -}}
{{- $registry := dict "edge" $edge "egress" (dict "address" "127.0.0.1" "port" $mesh.ports.egress) "services" $services "workloads" $workloads "trust" $trust "rate_limiter" "limits" "control_plane" "mesh" "issuers" $issuers "edge_routes" $mesh.edgeRoutes -}}
{{- with include "aisle.otlp" . -}}
{{- $place := trimPrefix "http://" . | splitList ":" -}}
{{- $collector := dict "host" (index $place 0) "port" (index $place 1 | int) -}}
{{- $_ := set $registry "tracing" (dict "collector" $collector "sampled_percent" $root.Values.collector.tracedPercent) -}}
{{- end -}}
{{- toPrettyJson $registry -}}
{{- end -}}
