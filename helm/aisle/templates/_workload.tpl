{{/*
The one template of all workloads: a Deployment of pods in which Envoy starts first and stops last. The edge is Envoy
alone. Call with a dict of `root`, `workload`, `version` (empty for the stable one), `settings`, and `image`.
*/}}
{{- define "aisle.workload" -}}
{{- $root := .root -}}
{{- $workload := .workload -}}
{{- $settings := .settings -}}
{{- $mesh := include "aisle.mesh" $root | fromJson -}}
{{- $about := index $mesh.workloads $workload -}}
{{- $edge := eq $workload "edge" -}}
{{- $beside := has "kubernetes" $about.needs -}}
{{- $version := default "stable" .version -}}
{{- $scaled := and (eq $version "stable") (or $settings.autoscaling.enabled (include "aisle.byStream" (dict "root" $root "about" $about))) -}}
{{- $volumes := dict "root" $root "workload" $workload "about" $about -}}
{{- $labels := mustMergeOverwrite (include "aisle.selector" $root | fromYaml) (dict "aisle.dev/workload" $workload "aisle.dev/version" $version) -}}
{{- $leaves := ternary (int $root.Values.edge.drainSeconds) (add (int $root.Values.drain.seconds) (int $root.Values.drain.graceSeconds)) $edge -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "aisle.fullname" $root }}-{{ $workload }}{{ with .version }}-{{ . }}{{ end }}
  labels:
    {{- include "aisle.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $workload }}
    aisle.dev/version: {{ $version }}
spec:
  {{- if not $scaled }}
  replicas: {{ $settings.replicas | int }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}
  selector:
    matchLabels: {{ $labels | toJson }}
  template:
    metadata:
      labels:
        {{- include "aisle.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $workload }}
        aisle.dev/workload: {{ $workload }}
        aisle.dev/version: {{ $version }}
      annotations:
        # Envoy reads its bootstrap once.
        aisle.dev/bootstrap: {{ include "aisle.bootstraps" $root | sha256sum | trunc 32 | quote }}
        {{- with $settings.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "aisle.serviceAccount" (dict "root" $root "workload" $workload) }}
      automountServiceAccountToken: {{ $beside }}
      enableServiceLinks: false
      {{- include "aisle.pullSecrets" $root | nindent 6 }}
      # Longer than everything that leaving takes: the kubelet ends at once what is left by then.
      terminationGracePeriodSeconds: {{ add $leaves (int $root.Values.drain.marginSeconds) }}
      securityContext:
        {{- include "aisle.podSecurity" $root | nindent 8 }}
      {{- include "aisle.placement" (dict "root" $root "settings" $settings "labels" $labels) | nindent 6 }}
      {{- if $edge }}
      containers:
        - {{- include "aisle.proxy" (dict "root" $root "workload" $workload "edge" true "beside" false "resources" $settings.resources) | nindent 10 }}
      {{- else }}
      initContainers:
        # A sidecar of Kubernetes: it is there before the program starts, and until it has ended.
        - restartPolicy: Always
          {{- include "aisle.proxy" (dict "root" $root "workload" $workload "edge" false "beside" $beside "resources" $root.Values.envoy.resources) | nindent 10 }}
      containers:
        - name: {{ $workload }}
          image: {{ include "aisle.image" (dict "root" $root "image" .image "what" "image") }}
          imagePullPolicy: {{ .image.pullPolicy }}
          {{- if $about.services }}
          command: [aisle, serve, {{ $workload }}]
          env:
            {{- include "aisle.environment" (dict "root" $root "workload" $workload "about" $about "settings" $settings.settings) | nindent 12 }}
          {{- include "aisle.probes" (dict "about" $about "port" $mesh.ports.probe "settings" $settings) | nindent 10 }}
          {{- else }}
          command: [sleep, infinity]
          env:
            - {name: HOME, value: /tmp}
            - {name: AISLE_HOME, value: /tmp/aisle}
          livenessProbe: {exec: {command: ["true"]}, periodSeconds: 60}
          readinessProbe: {httpGet: {path: /ready, port: {{ $mesh.ports.probe }}}, periodSeconds: 10}
          {{- end }}
          securityContext:
            {{- include "aisle.containerSecurity" $root | nindent 12 }}
          resources: {{ $settings.resources | toJson }}
          volumeMounts:
            {{- include "aisle.mounts" $volumes | nindent 12 }}
        {{- if and (has "providers" $about.needs) $root.Values.models.enabled }}
        - name: models
          image: {{ include "aisle.image" (dict "root" $root "image" (ternary $root.Values.models.image $root.Values.image (ne $root.Values.models.image.repository "")) "what" "models.image") }}
          imagePullPolicy: {{ $root.Values.models.image.pullPolicy }}
          command: [aisle, serve, models]
          env:
            - {name: HOME, value: /tmp}
            - {name: AISLE_MODELS_PORT, value: {{ $mesh.ports.models | int | quote }}}
            - {name: AISLE_MODELS_HOME, value: /tmp/models}
          # It listens on loopback only: what asks has to be beside it.
          livenessProbe: {{ include "aisle.asksBeside" $mesh.ports.models | fromYaml | toJson }}
          readinessProbe: {{ include "aisle.asksBeside" $mesh.ports.models | fromYaml | toJson }}
          securityContext:
            {{- include "aisle.containerSecurity" $root | nindent 12 }}
          resources: {{ $root.Values.models.resources | toJson }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
        {{- end }}
      {{- end }}
      volumes:
        {{- include "aisle.volumes" $volumes | nindent 8 }}
{{- end -}}

{{/* A probe from inside the pod, of what listens on loopback only. */}}
{{- define "aisle.asksBeside" -}}
exec:
  command: [python, -c, "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{{ . }}/health', timeout=4)"]
initialDelaySeconds: 20
periodSeconds: 20
timeoutSeconds: 5
failureThreshold: 9
{{- end -}}

{{/* Whether a workload is scaled by how far it is behind on the stream. */}}
{{- define "aisle.byStream" -}}
{{- if and .root.Values.keda.enabled (has "stream" .about.needs) -}}yes{{- end -}}
{{- end -}}
