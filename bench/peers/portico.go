//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
)

const porticoName = "Portico"

var portico = &peer{name: porticoName, command: startPortico}

// startPortico serves with defaults, but for the log, and a limit of sessions that
// is not in the way.
func startPortico(l *lab, p ports) (*exec.Cmd, error) {
	config, err := json.Marshal(map[string]any{
		"listeners": []any{map[string]any{"address": p.address()}},
		"passive":   map[string]any{"ports": fmt.Sprintf("%d-%d", p.first, p.last)},
		"users": []any{map[string]any{
			"name": userName, "password": l.hash, "home": l.home, "permissions": []any{"list", "read", "write", "overwrite"},
		}},
		"tls":    map[string]any{"certificate": l.certificate(), "key": l.key()},
		"limits": map[string]any{"idle_timeout": "10m", "sessions": 10_000},
		"log":    map[string]any{"level": "warn"},
	})
	if err != nil {
		return nil, err
	}
	path, err := l.write("portico.json", string(config))
	if err != nil {
		return nil, err
	}
	return asUser(l.portico, "serve", "--config", path), nil
}
