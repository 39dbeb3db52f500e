{{/* Where the data is: hosts, and the schemes they are spoken to with. */}}
{{- define "aisle.postgresHost" -}}
{{- if .Values.development.postgres.enabled -}}
{{- printf "%s-postgres" (include "aisle.fullname" .) -}}
{{- else -}}
{{- required "postgres.host is missing: name the host of PostgreSQL, or set development.postgres.enabled." .Values.postgres.host -}}
{{- end -}}
{{- end -}}

{{/* The address of a role's database. Call with a dict of `root` and `user`, which may hold a password. */}}
{{- define "aisle.postgresURL" -}}
{{- $values := .root.Values -}}
{{- $port := ternary 5432 (int $values.postgres.port) $values.development.postgres.enabled -}}
{{- $ssl := ternary "disable" $values.postgres.ssl $values.development.postgres.enabled -}}
{{- printf "postgresql+asyncpg://%s@%s:%d/%s?ssl=%s" .user (include "aisle.postgresHost" .root) $port $values.postgres.database $ssl -}}
{{- end -}}

{{/* Whether the authority of PostgreSQL's certificate is mounted. */}}
{{- define "aisle.postgresAuthority" -}}
{{- if not .Values.development.postgres.enabled -}}
{{- if .Values.postgres.authorityConfigMap -}}
yes
{{- else if hasPrefix "verify" .Values.postgres.ssl -}}
{{- fail "postgres.ssl asks to verify the server: set postgres.authorityConfigMap to a ConfigMap with its authority under ca.crt." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The address of a Redis. Call with a dict of `root`, `name` (redis or limitsRedis). */}}
{{- define "aisle.redisURL" -}}
{{- $found := index .root.Values .name -}}
{{- $tls := and $found.tls (not .root.Values.development.redis.enabled) -}}
{{- printf "%s://:$(REDIS_PASSWORD)@%s/0" (ternary "rediss" "redis" $tls) (include "aisle.redisAddress" .) -}}
{{- end -}}

{{- define "aisle.redisAddress" -}}
{{- $found := index .root.Values .name -}}
{{- if .root.Values.development.redis.enabled -}}
{{- printf "%s-%s:6379" (include "aisle.fullname" .root) (ternary "redis" "limits-redis" (eq .name "redis")) -}}
{{- else -}}
{{- printf "%s:%d" (required (printf "%s.host is missing: name the host of Redis, or set development.redis.enabled." .name) $found.host) (int $found.port) -}}
{{- end -}}
{{- end -}}

{{- define "aisle.milvusURI" -}}
{{- if .Values.milvus.enabled -}}
{{- printf "http://%s-milvus:19530" .Release.Name -}}
{{- else -}}
{{- required "vectors.uri is missing: name the address of Milvus, or set milvus.enabled." .Values.vectors.uri -}}
{{- end -}}
{{- end -}}

{{/* The claim of the folder of pictures; empty when they are in a bucket. */}}
{{- define "aisle.mediaClaim" -}}
{{- if not .Values.media.bucket -}}
{{- default (printf "%s-media" (include "aisle.fullname" .)) .Values.media.folder.existingClaim -}}
{{- end -}}
{{- end -}}

{{/* Where traces and metrics go; empty sends none. */}}
{{- define "aisle.otlp" -}}
{{- if .Values.collector.enabled -}}
{{- printf "http://%s-collector:4317" (include "aisle.fullname" .) -}}
{{- else -}}
{{- .Values.collector.endpoint -}}
{{- end -}}
{{- end -}}

{{/* A variable whose value is in the Secret. Call with a dict of `root`, `name`, `key` and perhaps `optional`. */}}
{{- define "aisle.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "aisle.secret" .root }}
      key: {{ .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end -}}
