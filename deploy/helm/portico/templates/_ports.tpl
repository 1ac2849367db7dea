{{- /* Whether each replica has passive ports of its own. */ -}}
{{- define "portico.sliced" -}}
{{- if and (gt (int .Values.replicaCount) 1) .Values.passive.slices (not .Values.hostNetwork) }}yes{{ end }}
{{- end }}

{{- /* How many passive ports there are in all. */ -}}
{{- define "portico.passiveCount" -}}
{{- if include "portico.sliced" . }}
{{- mul .Values.passive.count .Values.replicaCount }}
{{- else }}
{{- .Values.passive.count }}
{{- end }}
{{- end }}

{{- /* A list of ports as the server's configuration has it: "21100-21109". */ -}}
{{- define "portico.range" -}}
{{- $first := int .first }}
{{- $last := sub (add $first (int .count)) 1 }}
{{- if eq (int $last) $first }}{{ $first }}{{ else }}{{ $first }}-{{ $last }}{{ end }}
{{- end }}

{{- /* Whether clients reach node ports, and are told these. */ -}}
{{- define "portico.onNodePorts" -}}
{{- if and (eq .Values.service.type "NodePort") (not .Values.hostNetwork) }}yes{{ end }}
{{- end }}

{{- /* The control ports in the form of a Service. */ -}}
{{- define "portico.controlServicePorts" -}}
{{- $node := include "portico.onNodePorts" . -}}
- name: ftp
  port: {{ .Values.control.servicePort }}
  targetPort: {{ .Values.control.port }}
  {{- with .Values.control.nodePort }}
  {{- if $node }}
  nodePort: {{ . }}
  {{- end }}
  {{- end }}
{{- if .Values.implicitTLS.enabled }}
- name: ftps
  port: {{ .Values.implicitTLS.servicePort }}
  targetPort: {{ .Values.implicitTLS.port }}
  {{- with .Values.implicitTLS.nodePort }}
  {{- if $node }}
  nodePort: {{ . }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Some passive ports in the form of a Service: count of them, from the one at offset on. */ -}}
{{- define "portico.passiveServicePorts" -}}
{{- $values := .root.Values }}
{{- $node := include "portico.onNodePorts" .root }}
{{- range $i := untilStep (int .offset) (int (add .offset .count)) 1 }}
{{- $port := add $values.passive.first $i }}
- name: passive-{{ $port }}
  port: {{ $port }}
  targetPort: {{ $port }}
  {{- if $node }}
  nodePort: {{ add $values.passive.nodePort $i }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* What the Services have in common. */ -}}
{{- define "portico.serviceSpec" -}}
type: {{ .Values.service.type }}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- if ne .Values.service.type "ClusterIP" }}
externalTrafficPolicy: {{ .Values.service.externalTrafficPolicy }}
{{- end }}
{{- if eq .Values.service.type "LoadBalancer" }}
{{- if not .Values.service.allocateNodePorts }}
allocateLoadBalancerNodePorts: false
{{- end }}
{{- with .Values.service.loadBalancerClass }}
loadBalancerClass: {{ . }}
{{- end }}
{{- with .Values.service.loadBalancerSourceRanges }}
loadBalancerSourceRanges: {{ toJson . }}
{{- end }}
{{- end }}
sessionAffinity: {{ .Values.service.sessionAffinity }}
{{- end }}
