{{- define "moorage.agentNamespace" -}}
{{ .Values.gpuAgent.holders | ternary .Values.gpuAgent.holdersNamespace .Release.Namespace }}
{{- end }}

{{- define "moorage.agentLabels" -}}
app.kubernetes.io/name: {{ include "moorage.name" . }}-gpu-agent
app.kubernetes.io/part-of: {{ include "moorage.name" . }}
{{- end }}

{{- /* The DaemonSet, and the policy that lets only the service ask it. */}}
{{- define "moorage.agent" -}}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ include "moorage.name" . }}-gpu-agent
  namespace: {{ include "moorage.agentNamespace" . }}
  labels:
    {{- include "moorage.agentLabels" . | nindent 4 }}
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ include "moorage.name" . }}-gpu-agent
  updateStrategy:
    rollingUpdate:
      maxUnavailable: 10%
  template:
    metadata:
      labels:
        {{- include "moorage.agentLabels" . | nindent 8 }}
    spec:
      {{- with .Values.gpuAgent.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- include "moorage.pull" . | trim | nindent 6 | trimSuffix "\n      " }}
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
              - matchExpressions:
                  - key: nvidia.com/gpu.present
                    operator: In
                    values: ["true"]
              - matchExpressions:
                  - key: feature.node.kubernetes.io/pci-10de.present
                    operator: In
                    values: ["true"]
      tolerations:
        - operator: Exists
      securityContext:
        {{- if .Values.gpuAgent.holders }}
        runAsUser: 0
        runAsGroup: 0
        {{- else }}
        runAsNonRoot: true
        {{- end }}
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: agent
          image: {{ include "moorage.image" . }}
          command: [python, -m, moorage.gpus.agent]
          {{- if .Values.gpuAgent.holders }}
          args: [--port, "9837", --pod-resources, /kubelet/pod-resources]
          {{- else }}
          args: [--port, "9837"]
          {{- end }}
          env:
            - name: NVIDIA_VISIBLE_DEVICES
              value: all
            - name: NVIDIA_DRIVER_CAPABILITIES
              value: utility
          ports:
            - name: http
              containerPort: 9837
          livenessProbe:
            httpGet:
              path: /livez
              port: http
            periodSeconds: 30
            timeoutSeconds: 5
          readinessProbe:
            httpGet:
              path: /livez
              port: http
            periodSeconds: 10
          resources:
            requests:
              cpu: 10m
              memory: {{ .Values.gpuAgent.holders | ternary "64Mi" "32Mi" }}
            limits:
              memory: 128Mi
          securityContext:
            {{- include "moorage.container" . | nindent 12 }}
          {{- if .Values.gpuAgent.holders }}
          volumeMounts:
            # The folder and not the socket in it: a kubelet that starts again makes the socket anew.
            - name: pod-resources
              mountPath: /kubelet/pod-resources
              readOnly: true
      volumes:
        - name: pod-resources
          hostPath:
            path: {{ .Values.gpuAgent.podResourcesPath }}
            type: Directory
          {{- end }}
---
# Only the service may ask the agent.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "moorage.name" . }}-gpu-agent
  namespace: {{ include "moorage.agentNamespace" . }}
  labels:
    {{- include "moorage.agentLabels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ include "moorage.name" . }}-gpu-agent
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - {{ if .Values.gpuAgent.holders }}namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ .Release.Namespace }}
          {{ end }}podSelector:
            matchLabels:
              app.kubernetes.io/name: {{ include "moorage.name" . }}
      ports:
        - port: 9837
  egress: []
{{- end }}
