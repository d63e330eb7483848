{{- define "hub" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride }}-{{ end }}hub
{{- end }}

{{- define "app" -}}
{{ .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{- define "labels" -}}
app: {{ include "app" . }}
release: {{ .Release.Name }}
component: hub
{{- end }}
