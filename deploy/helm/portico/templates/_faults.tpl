{{- /* Refuses values that each are possible, but not together. */ -}}
{{- define "portico.faults" -}}
{{- $v := .Values }}
{{- $count := int (include "portico.passiveCount" .) }}
{{- $last := int (sub (add $v.passive.first $count) 1) }}
{{- $faults := list }}
{{- if gt $count 100 }}
{{- $faults = append $faults (printf "passive.count: %d ports for %d replicas are %d in all, and each has to be listed in a Service: at most 100; a few are enough (portico plan)" (int $v.passive.count) (int $v.replicaCount) $count) }}
{{- end }}
{{- if gt $last 65535 }}
{{- $faults = append $faults (printf "passive.first: %d ports from %d on end behind 65535: choose a lower one" $count (int $v.passive.first)) }}
{{- end }}
{{- $others := dict "control.port" (int $v.control.port) }}
{{- if $v.implicitTLS.enabled }}{{ $_ := set $others "implicitTLS.port" (int $v.implicitTLS.port) }}{{ end }}
{{- if $v.metrics.enabled }}{{ $_ := set $others "metrics.port" (int $v.metrics.port) }}{{ end }}
{{- range $key, $port := $others }}
{{- if and (ge $port (int $v.passive.first)) (le $port $last) }}
{{- $faults = append $faults (printf "%s: %d is one of the passive ports %d-%d: choose another" $key $port (int $v.passive.first) $last) }}
{{- end }}
{{- end }}
{{- if ne (len (values $others | uniq)) (len $others) }}
{{- $faults = append $faults (printf "%s: two of them are the same port" (keys $others | sortAlpha | join ", ")) }}
{{- end }}
{{- if not $v.hostNetwork }}
{{- $shown := dict "control.servicePort" (int $v.control.servicePort) }}
{{- if $v.implicitTLS.enabled }}{{ $_ := set $shown "implicitTLS.servicePort" (int $v.implicitTLS.servicePort) }}{{ end }}
{{- range $key, $port := $shown }}
{{- if and (ge $port (int $v.passive.first)) (le $port $last) }}
{{- $faults = append $faults (printf "%s: %d is one of the passive ports %d-%d, which the Service shows as well: choose another" $key $port (int $v.passive.first) $last) }}
{{- end }}
{{- end }}
{{- if ne (len (values $shown | uniq)) (len $shown) }}
{{- $faults = append $faults "control.servicePort, implicitTLS.servicePort: they are the same port" }}
{{- end }}
{{- end }}
{{- if include "portico.onNodePorts" . }}
{{- if not $v.passive.nodePort }}
{{- $faults = append $faults (printf "passive.nodePort: service.type NodePort needs the first of %d free node ports in a row, because clients are told their numbers: 30100, for example" $count) }}
{{- else }}
{{- $lastNode := int (sub (add $v.passive.nodePort $count) 1) }}
{{- if gt $lastNode 32767 }}
{{- $faults = append $faults (printf "passive.nodePort: %d ports from %d on end behind 32767, the last node port: choose a lower one" $count (int $v.passive.nodePort)) }}
{{- end }}
{{- range $key, $port := dict "control.nodePort" $v.control.nodePort "implicitTLS.nodePort" $v.implicitTLS.nodePort }}
{{- if and $port (ge (int $port) (int $v.passive.nodePort)) (le (int $port) $lastNode) }}
{{- $faults = append $faults (printf "%s: %d is one of the node ports of passive mode, %d-%d: choose another" $key (int $port) (int $v.passive.nodePort) $lastNode) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $v.proxyProtocol.enabled (not $v.proxyProtocol.trusted) }}
{{- $faults = append $faults "proxyProtocol.trusted: name the networks that the load balancer's connections come from, [10.0.0.0/8] for example: only they may say who a client is" }}
{{- end }}
{{- if and (gt (int $v.replicaCount) 1) (not $v.hostNetwork) (not $v.passive.slices) (ne $v.service.sessionAffinity "ClientIP") }}
{{- $faults = append $faults "passive.slices: without slices a data connection finds its pod only with service.sessionAffinity ClientIP: set that, or let each replica have ports of its own" }}
{{- end }}
{{- if and (gt (int $v.replicaCount) 1) $v.persistence.files.enabled (not $v.persistence.files.existingClaim) (not (has "ReadWriteMany" $v.persistence.files.accessModes)) (not $v.hostNetwork) }}
{{- $faults = append $faults "persistence.files.existingClaim: several replicas need the same files: name a claim that is ReadWriteMany, or keep files in object storage (persistence.files.enabled: false)" }}
{{- end }}
{{- if and (gt (int $v.replicaCount) 1) $v.persistence.files.enabled (not $v.persistence.files.existingClaim) (has "ReadWriteMany" $v.persistence.files.accessModes) (not $v.hostNetwork) }}
{{- $faults = append $faults "persistence.files.existingClaim: each replica would get a claim of its own, whatever its accessModes: name one that is there already" }}
{{- end }}
{{- $grace := $v.terminationGracePeriodSeconds }}
{{- if and (not (kindIs "invalid" $grace)) (lt (int $grace) (int (include "portico.neededGrace" .))) }}
{{- $faults = append $faults (printf "terminationGracePeriodSeconds: %d s are too short: drain.preStopSeconds, delaySeconds and timeoutSeconds and 5 s are %s s; leave it null, or shorten drain.timeoutSeconds" (int $grace) (include "portico.neededGrace" .)) }}
{{- end }}
{{- if $v.metrics.enabled }}
{{- if not $v.tls.secretName }}
{{- $faults = append $faults "tls.secretName: metrics are served with TLS only: name a Secret with a certificate" }}
{{- end }}
{{- if not $v.metrics.tokenSecret.name }}
{{- $faults = append $faults "metrics.tokenSecret.name: name a Secret that holds the token for Prometheus" }}
{{- end }}
{{- else if $v.metrics.serviceMonitor.enabled }}
{{- $faults = append $faults "metrics.serviceMonitor.enabled: there is nothing to monitor without metrics.enabled" }}
{{- end }}
{{- if and $v.shared.secretName (not $v.shared.redis) }}
{{- $faults = append $faults "shared.secretName: there is nothing to share without shared.redis" }}
{{- end }}
{{- if and $v.shared.tickets (not $v.shared.secretName) }}
{{- $faults = append $faults "shared.tickets: name the Secret that has the key secret in shared.secretName" }}
{{- end }}
{{- if and $v.users.existingSecret $v.users.list }}
{{- $faults = append $faults "users.list: users come from users.existingSecret already: leave one of the two empty" }}
{{- end }}
{{- range tuple
      (list "listeners" "control, implicitTLS, proxyProtocol") (list "admin" "metrics") (list "drain" "drain")
      (list "users" "users.list") (list "reload_on_change" "nothing: it is always on")
      (list "passive.ports" "passive.first, passive.count") (list "passive.advertised_ports" "passive.nodePort")
      (list "passive.slice" "replicaCount, passive.slices") (list "passive.slice_ports" "passive.count")
      (list "passive.public_address" "publicAddress") (list "active.enabled" "activeMode")
      (list "tls.certificate" "tls.secretName") (list "tls.key" "tls.secretName") (list "tls.self_signed" "tls.secretName")
      (list "tls.require" "tls.require") (list "tls.session_reuse" "tls.sessionReuse") (list "auth.file" "users")
      (list "shared.redis" "shared.redis") (list "shared.password_file" "shared.secretName") (list "shared.secret_file" "shared.tickets") }}
{{- $path := splitList "." (first .) }}
{{- $at := $v.config }}
{{- if eq (len $path) 2 }}{{ $at = default (dict) (get $v.config (first $path)) }}{{ end }}
{{- if hasKey $at (last $path) }}
{{- $faults = append $faults (printf "config.%s: the chart settles this key by %s: take it out of config" (first .) (last .)) }}
{{- end }}
{{- end }}
{{- if $faults }}
{{- fail (printf "\n\n- %s\n" (join "\n- " $faults)) }}
{{- end }}
{{- end }}
