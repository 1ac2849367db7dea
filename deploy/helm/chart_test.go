package helm

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write deploy/kubernetes anew")

func TestChartIsLinted(t *testing.T) {
	t.Parallel()
	forEachProfile(t, func(t *testing.T, p profile) {
		if out, fault := helm(t, append([]string{"lint", "--strict", chart}, p.args...)...); fault != "" {
			t.Errorf("%s%s", out, fault)
		}
	})
}

// deploy/kubernetes has what helm makes of the profiles, for those without helm.
func TestManifestsAreCurrent(t *testing.T) {
	t.Parallel()
	manifests := filepath.Join("..", "kubernetes")
	expected := map[string]bool{"README.md": true}
	for _, p := range profiles(t) {
		expected[p.name+".yaml"] = true
		text := manifest(t, p)
		path := filepath.Join(manifests, p.name+".yaml")
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s is not what the chart makes (%v): make manifests", path, err)
		}
	}
	entries, err := os.ReadDir(manifests)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !expected[entry.Name()] {
			t.Errorf("%s belongs to no profile", filepath.Join(manifests, entry.Name()))
		}
	}
}

func manifest(t *testing.T, p profile) string {
	t.Helper()
	from := "its default values"
	if len(p.args) > 0 {
		from = "deploy/helm/" + filepath.ToSlash(p.args[1])
	}
	text := render(t, p.args...)
	// It is applied by kubectl.
	text = strings.ReplaceAll(text, "    app.kubernetes.io/managed-by: Helm\n", "")
	return fmt.Sprintf("# Made by `make manifests` from deploy/helm/portico with %s: change these.\n%s", from, text)
}

// A user of the values has the keys of a user of the configuration.
func TestUsersOfTheValuesAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	values := definitions(t, filepath.Join(chart, "values.schema.json"))
	server := definitions(t, filepath.Join("..", "..", "config", "schema.json"))
	if len(values) == 0 {
		t.Fatal("the schema of the values has no $defs")
	}
	for name, got := range values {
		if !reflect.DeepEqual(got, server[name]) {
			t.Errorf("$defs.%s of %s/values.schema.json is not that of config/schema.json: copy it", name, chart)
		}
	}
}

func definitions(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]any `json:"$defs"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&schema); err != nil {
		t.Fatal(path, err)
	}
	return schema.Defs
}

func TestFaultsInValuesAreNamed(t *testing.T) {
	t.Parallel()
	const nodePorts = "service.type=NodePort,passive.nodePort="
	const replicas = "replicaCount=3,persistence.files.existingClaim=shared,"
	for _, c := range []struct {
		values string
		want   []string // words of the message
	}{
		{"passive.count=101", []string{"/passive/count", "maximum: got 101, want 100"}},
		{"passive.count=0", []string{"/passive/count", "minimum: got 0, want 1"}},
		{replicas + "passive.count=40", []string{"passive.count: 40 ports for 3 replicas are 120 in all", "at most 100"}},
		{"passive.first=65530", []string{"passive.first: 10 ports from 65530 on end behind 65535"}},
		{"passive.first=2120", []string{"control.port: 2121 is one of the passive ports 2120-2129"}},
		{"control.servicePort=21105", []string{"control.servicePort: 21105 is one of the passive ports"}},
		{"implicitTLS.enabled=true,implicitTLS.port=2121", []string{"control.port, implicitTLS.port: two of them are the same port"}},
		{"implicitTLS.enabled=true,implicitTLS.servicePort=21", []string{"control.servicePort, implicitTLS.servicePort: they are the same port"}},
		{"control.port=21", []string{"/control/port", "minimum: got 21"}},
		{"service.type=NodePort", []string{"passive.nodePort: service.type NodePort needs the first of 10 free node ports"}},
		{nodePorts + "32760", []string{"passive.nodePort: 10 ports from 32760 on end behind 32767"}},
		{nodePorts + "21100", []string{"/passive/nodePort", "minimum: got 21,100, want 30,000"}},
		{nodePorts + "30100,control.nodePort=30105", []string{"control.nodePort: 30105 is one of the node ports of passive mode"}},
		{"proxyProtocol.enabled=true", []string{"proxyProtocol.trusted: name the networks"}},
		{"proxyProtocol.enabled=true,proxyProtocol.trusted[0]=everybody", []string{"/proxyProtocol/trusted/0", "does not match pattern"}},
		{"replicaCount=2", []string{"persistence.files.existingClaim: several replicas need the same files"}},
		{"replicaCount=2,persistence.files.accessModes[0]=ReadWriteMany", []string{"persistence.files.existingClaim: each replica would get a claim of its own"}},
		{replicas + "passive.slices=false", []string{"passive.slices: without slices", "service.sessionAffinity ClientIP"}},
		{"terminationGracePeriodSeconds=74", []string{"terminationGracePeriodSeconds: 74 s are too short", "75 s"}},
		{"terminationGracePeriodSeconds=75,drain.preStopSeconds=1", []string{"terminationGracePeriodSeconds: 75 s are too short"}},
		{"metrics.enabled=true", []string{"tls.secretName: metrics are served with TLS only", "metrics.tokenSecret.name:"}},
		{"metrics.serviceMonitor.enabled=true", []string{"metrics.serviceMonitor.enabled: there is nothing to monitor"}},
		{"shared.secretName=redis", []string{"shared.secretName: there is nothing to share without shared.redis"}},
		{"shared.redis=redis://redis:6379,shared.tickets=true", []string{"shared.tickets: name the Secret"}},
		{"shared.redis=redis:6379", []string{"/shared/redis", "does not match pattern"}},
		{"users.existingSecret=a,users.list[0].name=b,users.list[0].password=c", []string{"users.list: users come from users.existingSecret already"}},
		{"users.list[0].name=b", []string{"/users/list/0", "missing property 'password'"}},
		{"config.passive.ports=21", []string{"config.passive.ports: the chart settles this key by passive.first, passive.count"}},
		{"config.listeners=x", []string{"config.listeners: the chart settles this key by control"}},
		{"pasive.count=3", []string{"additional properties 'pasive' not allowed"}},
		{"passive.ports=21100", []string{"/passive", "additional properties 'ports' not allowed"}},
		{"runAs.user=0", []string{"/runAs/user", "minimum: got 0, want 1"}},
		{"tls.require=always", []string{"/tls/require", "value must be one of 'none', 'login', 'data'"}},
		{"terminationGracePeriodSeconds=75", nil},
		{nodePorts + "32758", nil},
		{replicas + "passive.count=33", nil},
		{replicas + "passive.slices=false,service.sessionAffinity=ClientIP", nil},
		{"runAs.user=null,runAs.group=null", nil},
	} {
		t.Run(c.values, func(t *testing.T) {
			t.Parallel()
			_, fault := helm(t, "template", chart, chart, "--set", c.values)
			if (fault == "") != (c.want == nil) {
				t.Fatalf("helm says %q", fault)
			}
			for _, word := range c.want {
				if !strings.Contains(fault, word) {
					t.Errorf("helm does not say %q but:\n%s", word, fault)
				}
			}
		})
	}
}
