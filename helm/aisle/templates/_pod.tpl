{{/* The proxy of a workload, as a container. Call with a dict of `root`, `workload`, `edge` and `beside`. */}}
{{- define "aisle.proxy" -}}
{{- $root := .root -}}
{{- $mesh := include "aisle.mesh" $root | fromJson -}}
{{- $about := index $mesh.workloads .workload -}}
name: envoy
image: {{ include "aisle.image" (dict "root" $root "image" $root.Values.envoy.image "what" "envoy.image") }}
imagePullPolicy: {{ $root.Values.envoy.image.pullPolicy }}
command: [envoy]
args:
  - --config-path
  - /etc/envoy/{{ if .beside }}bootstrap-beside.json{{ else if .edge }}bootstrap-edge.json{{ else }}bootstrap.json{{ end }}
  - --service-cluster
  - {{ .workload }}
  - --service-node
  - $(POD_NAME)
  - --concurrency
  - {{ ternary $root.Values.edge.concurrency $root.Values.envoy.concurrency .edge | int | quote }}
  - --log-level
  - {{ $root.Values.envoy.logLevel }}
  - --drain-time-s
  - {{ $root.Values.drain.seconds | int | quote }}
  - --disable-hot-restart
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
ports:
  - {name: probe, containerPort: {{ $mesh.ports.probe }}}
  {{- if .edge }}
  - {name: http, containerPort: {{ $mesh.ports.edge }}}
  {{- end }}
  {{- range $service, $said := $about.services }}
  - {name: {{ $said.protocol }}, containerPort: {{ $said.inbound }}}
  {{- end }}
{{- if not .beside }}
# The program starts once its proxy knows the mesh. Beside the control plane it would wait for ever.
startupProbe:
  httpGet: {path: /ready, port: {{ $mesh.ports.probe }}}
  periodSeconds: 1
  failureThreshold: 180
livenessProbe:
  httpGet: {path: /ready, port: {{ $mesh.ports.probe }}}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
{{- else }}
livenessProbe:
  httpGet: {path: /ready, port: {{ $mesh.ports.probe }}}
  initialDelaySeconds: 60
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 12
{{- end }}
readinessProbe:
  httpGet: {path: /ready, port: {{ $mesh.ports.probe }}}
  periodSeconds: 5
  timeoutSeconds: 2
{{- if .edge }}
# Envoy leaves at once when it is told to. Load balancers need a while to send nobody here any more.
lifecycle:
  preStop:
    sleep: {seconds: {{ $root.Values.edge.drainSeconds | int }}}
{{- end }}
securityContext:
  {{- include "aisle.containerSecurity" $root | nindent 2 }}
resources: {{ .resources | toJson }}
volumeMounts:
  - {name: envoy, mountPath: /etc/envoy, readOnly: true}
  - {name: certificates, mountPath: /var/run/aisle/certificates, readOnly: true}
{{- end -}}

{{/* How the kubelet asks a program, through its proxy. Call with a dict of `about`, `port` and `settings`. */}}
{{- define "aisle.probes" -}}
{{- $first := index (values .about.services) 0 -}}
{{- range values .about.services }}{{ if eq .protocol "grpc" }}{{ $first = . }}{{ end }}{{ end -}}
{{- $grpc := eq $first.protocol "grpc" -}}
{{- $alive := ternary (dict "grpc" (dict "port" .port "service" "alive")) (dict "httpGet" (dict "path" "/healthz" "port" .port)) $grpc -}}
{{- $ready := ternary (dict "grpc" (dict "port" .port)) (dict "httpGet" (dict "path" "/readyz" "port" .port)) $grpc -}}
startupProbe: {{ merge (dict "periodSeconds" 2 "timeoutSeconds" 2 "failureThreshold" (div (int .settings.startSeconds) 2)) $alive | toJson }}
livenessProbe: {{ merge (dict "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6) $alive | toJson }}
readinessProbe: {{ merge (dict "periodSeconds" 5 "timeoutSeconds" 3 "failureThreshold" 2) $ready | toJson }}
{{- end -}}

{{/* What a pod has to mount. Call with a dict of `root`, `workload`, `about`. */}}
{{- define "aisle.volumes" -}}
{{- $root := .root -}}
{{- $name := include "aisle.fullname" $root -}}
- name: envoy
  configMap: {name: {{ $name }}-envoy}
- name: certificates
  secret: {secretName: {{ $name }}-{{ .workload }}-certificate}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- if and (has "postgres" .about.needs) (include "aisle.postgresAuthority" $root) }}
- name: postgres
  configMap: {name: {{ $root.Values.postgres.authorityConfigMap }}}
{{- end }}
{{- if and (has "media" .about.needs) (include "aisle.mediaClaim" $root) }}
- name: media
  persistentVolumeClaim: {claimName: {{ include "aisle.mediaClaim" $root }}}
{{- end }}
{{- if has "signing-keys" .about.needs }}
- name: signing-keys
  secret:
    secretName: {{ include "aisle.secret" $root }}
    items: [{key: signing-keys, path: signing-keys.json}]
{{- end }}
{{- if has "providers" .about.needs }}
- name: spool
  emptyDir: {sizeLimit: 1Gi}
{{- end }}
{{- if has "limits-redis" .about.needs }}
- name: limits
  configMap: {name: {{ $name }}-limits}
{{- end }}
{{- if has "kubernetes" .about.needs }}
- name: mesh
  configMap: {name: {{ $name }}-mesh}
{{- end }}
{{- end -}}

{{/* Where a program sees them. Same call. */}}
{{- define "aisle.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if and (has "postgres" .about.needs) (include "aisle.postgresAuthority" .root) }}
- {name: postgres, mountPath: /etc/aisle/postgres, readOnly: true}
{{- end }}
{{- if and (has "media" .about.needs) (include "aisle.mediaClaim" .root) }}
- {name: media, mountPath: /var/lib/aisle/media, readOnly: {{ eq .workload "bff" }}}
{{- end }}
{{- if has "signing-keys" .about.needs }}
- {name: signing-keys, mountPath: /var/run/aisle/secrets, readOnly: true}
{{- end }}
{{- if has "providers" .about.needs }}
- {name: spool, mountPath: /var/lib/aisle/spool}
{{- end }}
{{- if has "limits-redis" .about.needs }}
- {name: limits, mountPath: /etc/aisle/limits, readOnly: true}
{{- end }}
{{- if has "kubernetes" .about.needs }}
- {name: mesh, mountPath: /etc/aisle/mesh, readOnly: true}
{{- end }}
{{- end -}}
