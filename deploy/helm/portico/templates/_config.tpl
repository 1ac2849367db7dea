{{- /* The server's configuration: what the chart settles, over .Values.config. */ -}}
{{- define "portico.config" -}}
{{- $v := .Values }}
{{- $proxy := list }}
{{- if $v.proxyProtocol.enabled }}{{ $proxy = $v.proxyProtocol.trusted }}{{ end }}
{{- $listeners := list (dict "address" (printf ":%v" $v.control.port) "proxy_protocol" $proxy) }}
{{- if $v.implicitTLS.enabled }}
{{- $listeners = append $listeners (dict "address" (printf ":%v" $v.implicitTLS.port) "implicit_tls" true "proxy_protocol" $proxy) }}
{{- end }}
{{- $count := include "portico.passiveCount" . }}
{{- $passive := dict "ports" (include "portico.range" (dict "first" $v.passive.first "count" $count)) }}
{{- if include "portico.onNodePorts" . }}
{{- $_ := set $passive "advertised_ports" (include "portico.range" (dict "first" $v.passive.nodePort "count" $count)) }}
{{- end }}
{{- if include "portico.sliced" . }}
{{- $_ := set $passive "slice" "auto" }}
{{- $_ := set $passive "slice_ports" $v.passive.count }}
{{- end }}
{{- with $v.publicAddress }}{{ $_ := set $passive "public_address" . }}{{ end }}
{{- $tls := dict "require" $v.tls.require "session_reuse" $v.tls.sessionReuse }}
{{- if $v.tls.secretName }}
{{- $_ := set $tls "certificate" "/etc/portico/tls/tls.crt" }}
{{- $_ := set $tls "key" "/etc/portico/tls/tls.key" }}
{{- else }}
{{- $_ := set $tls "self_signed" true }}
{{- end }}
{{- $admin := dict "address" "unix:/run/portico/admin.sock" }}
{{- if $v.metrics.enabled }}
{{- $token := dict "name" "metrics" "token_file" "/etc/portico/metrics/token" "role" "read" }}
{{- $admin = dict "address" (printf ":%v" $v.metrics.port) "tokens" (list $token)
      "tls" (dict "certificate" "/etc/portico/tls/tls.crt" "key" "/etc/portico/tls/tls.key") }}
{{- end }}
{{- $settled := dict
      "listeners" $listeners
      "passive" $passive
      "active" (dict "enabled" $v.activeMode)
      "tls" $tls
      "auth" (dict "file" (dict "path" "/etc/portico/users/users.yaml"))
      "admin" $admin
      "drain" (dict "delay" (printf "%vs" $v.drain.delaySeconds) "timeout" (printf "%vs" $v.drain.timeoutSeconds))
      "reload_on_change" true }}
{{- with $v.shared.redis }}
{{- $shared := dict "redis" . }}
{{- if $v.shared.secretName }}{{ $_ := set $shared "password_file" "/etc/portico/shared/password" }}{{ end }}
{{- if $v.shared.tickets }}{{ $_ := set $shared "secret_file" "/etc/portico/shared/secret" }}{{ end }}
{{- $_ := set $settled "shared" $shared }}
{{- end }}
{{- $defaults := dict
      "quota_file" "/var/lib/portico/quota.db"
      "defence" (dict "ban_file" "/var/lib/portico/bans.json")
      "log" (dict "format" "json")
      "sandbox_allow" (dict "write" (list "/srv/ftp")) }}
{{- $groups := list (dict "name" "files" "home" "/srv/ftp/%u" "create_home" true) }}
{{- $config := mergeOverwrite $defaults (deepCopy $v.config) $settled }}
{{- $_ := set $config "groups" (concat $groups (default (list) $v.config.groups)) }}
{{- toYaml $config }}
{{- end }}

{{- /* The users' file. */ -}}
{{- define "portico.users" -}}
{{- $users := list }}
{{- range .Values.users.list }}
{{- if or .home .groups .storage .bucket }}
{{- $users = append $users . }}
{{- else }}
{{- $users = append $users (merge (dict "groups" (list "files")) .) }}
{{- end }}
{{- end }}
{{- toYaml (dict "users" $users) }}
{{- end }}

{{- /* What the server takes up at its start alone: when it changes, pods are replaced. */ -}}
{{- define "portico.startConfig" -}}
{{- $config := include "portico.config" . | fromYaml }}
{{- toYaml (omit $config "users" "groups" "hosts" "limits" "hooks" "banner" "buckets" "drain") }}
{{- end }}

{{- define "portico.neededGrace" -}}
{{- add .Values.drain.preStopSeconds .Values.drain.delaySeconds .Values.drain.timeoutSeconds 5 }}
{{- end }}
