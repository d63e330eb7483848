{{- /* The name of everything, which the hub knows as a host name. */}}
{{- define "moorage.name" -}}
{{ .Values.fullnameOverride | default "moorage" | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "moorage.labels" -}}
app.kubernetes.io/name: {{ include "moorage.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "moorage.selector" -}}
app.kubernetes.io/name: {{ include "moorage.name" . }}
app.kubernetes.io/component: service
{{- end }}

{{- define "moorage.image" -}}
{{- with .Values.image -}}
{{ with .registry }}{{ . | trimSuffix "/" }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "moorage.pull" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "moorage.tokens" -}}
{{ .Values.tokens.existingSecret | default (printf "%s-tokens" (include "moorage.name" .)) }}
{{- end }}

{{- /* The service's account as the subject of a binding. */}}
{{- define "moorage.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "moorage.name" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* What every container of ours may do: nothing. */}}
{{- define "moorage.container" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Settings as the service's environment: what other values imply, then those that are set by name. */}}
{{- define "moorage.settings" -}}
{{- $found := dict "MOORAGE_HOST" "0.0.0.0" "MOORAGE_PORT" "8000" "MOORAGE_TOKEN_FILE" "/etc/moorage/tokens/tokens" }}
{{- with .Values.rights.quotaNamespaces }}{{ $_ := set $found "MOORAGE_QUOTA_NAMESPACES" (join "," .) }}{{ end }}
{{- with .Values.rights.schedulerConfigMap }}{{ $_ := set $found "MOORAGE_SCHEDULER_CONFIGMAPS" . }}{{ end }}
{{- with .Values.rights.clusterAutoscalerNamespace }}{{ $_ := set $found "MOORAGE_CLUSTER_AUTOSCALER_NAMESPACE" . }}{{ end }}
{{- if .Values.rights.stateConfigMap }}
{{- $_ := set $found "MOORAGE_STATE_CONFIGMAP" (printf "%s/%s-state" .Release.Namespace (include "moorage.name" .)) }}
{{- end }}
{{- if .Values.rights.tokenReview }}{{ $_ := set $found "MOORAGE_KUBERNETES_TOKENS" "true" }}{{ end }}
{{- with .Values.hub.login.apiUrl }}
{{- $_ := set $found "MOORAGE_HUB_API_URL" . }}
{{- $_ := set $found "MOORAGE_HUB_API_TOKEN_FILE" "/etc/moorage/hub/token" }}
{{- $_ := set $found "MOORAGE_ROOT_PATH" "/services/moorage" }}
{{- end }}
{{- with .Values.rights.gpuExecNamespace }}{{ $_ := set $found "MOORAGE_GPU_EXEC_NAMESPACE" . }}{{ end }}
{{- if .Values.gpuAgent.enabled }}
{{- $_ := set $found "MOORAGE_GPU_AGENT" "true" }}
{{- $_ := set $found "MOORAGE_GPU_AGENT_NAMESPACE" (include "moorage.agentNamespace" .) }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- $text := $value }}
{{- if and (kindIs "slice" $value) (ne $name "images") }}{{ $text = join "," $value }}
{{- else if not (kindIs "string" $value) }}{{ $text = toJson $value }}{{ end }}
{{- $_ := set $found (printf "MOORAGE_%s" (upper $name)) $text }}
{{- end }}
{{- range $name, $value := $found }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "moorage.pod" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ . | int }}
runAsGroup: {{ . | int }}
fsGroup: {{ . | int }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}
