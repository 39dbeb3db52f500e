{{/*
What a program is told: by what it needs (files/mesh.json), then by its settings in the values, which are written as
AISLE_<SERVICE>_<NAME>. Call with a dict of `root`, `workload`, `about` and `settings`.
*/}}
{{- define "aisle.environment" -}}
{{- $root := .root -}}
{{- $prefix := printf "AISLE_%s" (.workload | upper | replace "-" "_") -}}
{{- $mesh := include "aisle.mesh" $root | fromJson -}}
{{- $needs := .about.needs -}}
- {name: PYTHONUNBUFFERED, value: "1"}
- {name: HOME, value: /tmp}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: {{ $prefix }}_LISTEN_PORT, value: {{ .about.listens | int | quote }}}
- {name: {{ $prefix }}_EGRESS_ADDRESS, value: "127.0.0.1:{{ $mesh.ports.egress }}"}
- {name: {{ $prefix }}_DRAIN_SECONDS, value: {{ $root.Values.drain.seconds | quote }}}
- {name: {{ $prefix }}_GRACE_SECONDS, value: {{ ternary 1 $root.Values.drain.graceSeconds (eq .workload "control-plane") | quote }}}
- {name: {{ $prefix }}_LOG_LEVEL, value: {{ $root.Values.logLevel }}}
{{- with include "aisle.otlp" $root }}
- {name: {{ $prefix }}_OTLP_ENDPOINT, value: {{ . | quote }}}
- {name: {{ $prefix }}_TRACE_SAMPLED_PERCENT, value: {{ $root.Values.collector.tracedPercent | quote }}}
{{- end }}
{{- if has "token" $needs }}
{{ include "aisle.secretVariable" (dict "root" $root "name" (printf "%s_TOKEN_KEY" $prefix) "key" "token-key") }}
{{- end }}
{{- if has "postgres" $needs }}
{{ include "aisle.secretVariable" (dict "root" $root "name" "POSTGRES_PASSWORD" "key" (printf "database-%s" .workload)) }}
- name: {{ $prefix }}_DATABASE_URL
  value: {{ include "aisle.postgresURL" (dict "root" $root "user" (printf "%s:$(POSTGRES_PASSWORD)" .workload)) | quote }}
{{- if include "aisle.postgresAuthority" $root }}
- {name: PGSSLROOTCERT, value: /etc/aisle/postgres/ca.crt}
{{- end }}
{{- end }}
{{- if has "redis" $needs }}
{{ include "aisle.secretVariable" (dict "root" $root "name" "REDIS_PASSWORD" "key" "redis-main") }}
- name: {{ $prefix }}_REDIS_URL
  value: {{ include "aisle.redisURL" (dict "root" $root "name" "redis") | quote }}
{{- end }}
{{- if has "limits-redis" $needs }}
{{ include "aisle.secretVariable" (dict "root" $root "name" "REDIS_PASSWORD" "key" "redis-limits") }}
- name: {{ $prefix }}_REDIS_URL
  value: {{ include "aisle.redisURL" (dict "root" $root "name" "limitsRedis") | quote }}
- {name: {{ $prefix }}_PROXY_PORT, value: {{ .about.services.limits.application | int | quote }}}
- {name: {{ $prefix }}_FILE, value: /etc/aisle/limits/limits.yaml}
{{- end }}
{{- if has "stream" $needs }}
# Each pod reads the stream under its own name.
- {name: {{ $prefix }}_CONSUMER, value: $(POD_NAME)}
{{- end }}
{{- if has "milvus" $needs }}
- {name: {{ $prefix }}_MILVUS_URI, value: {{ include "aisle.milvusURI" $root | quote }}}
{{ include "aisle.secretVariable" (dict "root" $root "name" (printf "%s_MILVUS_TOKEN" $prefix) "key" "milvus" "optional" true) }}
{{- end }}
{{- if has "media" $needs }}
{{ include "aisle.secretVariable" (dict "root" $root "name" (printf "%s_MEDIA_SIGNING_KEY" $prefix) "key" "media-signing-key") }}
{{- if not $root.Values.media.bucket }}
- {name: {{ $prefix }}_MEDIA_DIR, value: /var/lib/aisle/media}
{{- else if eq .workload "product" }}
- {name: AISLE_PRODUCT_MEDIA_BUCKET, value: {{ $root.Values.media.bucket | quote }}}
- {name: AISLE_PRODUCT_MEDIA_REGION, value: {{ $root.Values.media.region | quote }}}
{{- end }}
{{- if eq .workload "bff" }}
- {name: AISLE_BFF_MEDIA_ORIGINS, value: {{ $root.Values.media.origins | quote }}}
{{- end }}
{{- end }}
{{- if has "signing-keys" $needs }}
- {name: {{ $prefix }}_SIGNING_KEYS, value: /var/run/aisle/secrets/signing-keys.json}
- {name: {{ $prefix }}_ENVOY_ADMIN_ADDRESS, value: "127.0.0.1:{{ $mesh.ports.admin }}"}
{{- if and $root.Values.collector.enabled (not (default dict .settings).traces_elsewhere) }}
- {name: AISLE_BFF_TRACES_ELSEWHERE, value: {{ printf "https://%s.console.aws.amazon.com/cloudwatch/home?region=%s#xray:traces/{xray_id}" $root.Values.collector.region $root.Values.collector.region | quote }}}
{{- end }}
{{ include "aisle.secretVariable" (dict "root" $root "name" "AISLE_BFF_OIDC_CLIENT_SECRET" "key" "oidc-client-secret" "optional" true) }}
{{- end }}
{{- if has "providers" $needs }}
- {name: AISLE_LLM_HTTP_PORT, value: {{ index .about.services "llm-http" "application" | int | quote }}}
- {name: AISLE_LLM_SPOOL_DIR, value: /var/lib/aisle/spool}
- {name: AISLE_LLM_LOCAL_URL, value: {{ ternary (printf "http://127.0.0.1:%v/v1" $mesh.ports.models) "" $root.Values.models.enabled | quote }}}
{{ include "aisle.secretVariable" (dict "root" $root "name" "AISLE_LLM_OPENAI_API_KEY" "key" "openai" "optional" true) }}
{{ include "aisle.secretVariable" (dict "root" $root "name" "AISLE_LLM_API_KEYS" "key" "api-keys" "optional" true) }}
{{- end }}
{{- if has "kubernetes" $needs }}
- {name: AISLE_CONTROL_PLANE_REGISTRY, value: /etc/aisle/mesh/registry.yaml}
- {name: AISLE_CONTROL_PLANE_DELIVERY, value: /etc/aisle/mesh/delivery.yaml}
- {name: AISLE_CONTROL_PLANE_SOURCE, value: kubernetes}
- {name: AISLE_CONTROL_PLANE_KUBERNETES_NAMESPACE, value: {{ $root.Release.Namespace }}}
- {name: AISLE_CONTROL_PLANE_KUBERNETES_SELECTOR, value: "app.kubernetes.io/instance={{ $root.Release.Name }}"}
{{- end }}
{{- range $name, $value := .settings }}
{{- /* Whole numbers have come through JSON, which knows no others than with a point. */}}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}{{ $value = int64 $value }}{{ end }}
- {name: {{ $prefix }}_{{ upper $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end -}}
