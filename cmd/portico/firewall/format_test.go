package firewall_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// permission is what the AWS CLI documents for --ip-permissions.
type permission struct {
	Protocol         string `json:"IpProtocol"`
	FromPort, ToPort int
	Ranges           []struct {
		CIDR        string `json:"CidrIp"`
		Description string
	} `json:"IpRanges"`
	Ranges6 []struct {
		CIDR        string `json:"CidrIpv6"`
		Description string
	} `json:"Ipv6Ranges"`
}

func TestAWSPermissionsAreJSON(t *testing.T) {
	t.Parallel()
	forEachGolden(t, "aws", func(t *testing.T, rules string) {
		found := regexp.MustCompile(`--ip-permissions '(.*)'`).FindAllStringSubmatch(rules, -1)
		if len(found) == 0 {
			t.Fatal("no permissions are given")
		}
		for _, match := range found {
			decoder := json.NewDecoder(strings.NewReader(match[1]))
			decoder.DisallowUnknownFields()
			var permissions []permission
			if err := decoder.Decode(&permissions); err != nil {
				t.Fatalf("%v in %s", err, match[1])
			}
			for _, p := range permissions {
				if p.Protocol != "tcp" || p.FromPort < 1 || p.ToPort < p.FromPort || len(p.Ranges)+len(p.Ranges6) == 0 {
					t.Errorf("not a useful permission: %+v", p)
				}
			}
		}
	})
}

// object is what a Service and a NetworkPolicy have in common, and their specs
// as far as they are used.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Type                  string
		ExternalTrafficPolicy string `yaml:"externalTrafficPolicy"`
		SessionAffinity       string `yaml:"sessionAffinity"`
		IPFamilyPolicy        string `yaml:"ipFamilyPolicy"`
		Selector              map[string]string
		Ports                 []map[string]any
		PodSelector           struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"podSelector"`
		PolicyTypes []string     `yaml:"policyTypes"`
		Ingress     []policyRule `yaml:"ingress"`
		Egress      []policyRule `yaml:"egress"`
	}
}

type policyRule struct {
	Ports []struct {
		Protocol string
		Port     int
		EndPort  int `yaml:"endPort"`
	}
	From, To []struct {
		IPBlock struct{ CIDR string } `yaml:"ipBlock"`
	}
}

func TestKubernetesObjectsAreStrictYAML(t *testing.T) {
	t.Parallel()
	forEachGolden(t, "kubernetes", func(t *testing.T, rules string) {
		for _, o := range decodeAll[object](t, rules) {
			switch o.Kind {
			case "Service":
				checkService(t, o)
			case "NetworkPolicy":
				checkPolicy(t, o)
			default:
				t.Errorf("unexpected kind %q", o.Kind)
			}
		}
	})
}

func checkService(t *testing.T, o object) {
	t.Helper()
	names, kinds := map[string]bool{}, map[string]bool{}
	for _, port := range o.Spec.Ports {
		name, _ := port["name"].(string)
		kind, _, _ := strings.Cut(name, "-")
		kinds[strings.TrimSuffix(kind, "s")] = true
		if names[name] || name == "" || len(name) > 15 || port["protocol"] != "TCP" || port["port"] == nil || port["targetPort"] == nil || len(port) != 4 {
			t.Errorf("not a valid Service port: %v", port)
		}
		names[name] = true
	}
	if o.APIVersion != "v1" || len(names) == 0 || o.Spec.ExternalTrafficPolicy != "Local" {
		t.Errorf("not the Service that is wanted: %+v", o)
	}
	// Where it spreads control connections, data connections have to follow them.
	if sticks := o.Spec.SessionAffinity == "ClientIP"; sticks != (kinds["ftp"] && kinds["data"]) {
		t.Errorf("the Service %s keeps clients at one Pod: %v, with the ports %v", o.Metadata.Name, sticks, names)
	}
}

func checkPolicy(t *testing.T, o object) {
	t.Helper()
	for _, rule := range append(o.Spec.Ingress, o.Spec.Egress...) {
		for _, port := range rule.Ports {
			if port.Protocol != "TCP" || port.Port == 0 || port.EndPort != 0 && port.EndPort <= port.Port {
				t.Errorf("not a valid NetworkPolicy port: %+v", port)
			}
		}
	}
	if types := len(o.Spec.PolicyTypes); o.APIVersion != "networking.k8s.io/v1" || types == 0 || types > 2 {
		t.Errorf("not the NetworkPolicy that is wanted: %+v", o)
	}
}

func TestComposeFileIsStrictYAML(t *testing.T) {
	t.Parallel()
	type compose struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Restart     string
			Environment map[string]string
			Ports       []string
			Volumes     []string
		}
		Volumes map[string]struct{}
	}
	forEachGolden(t, "docker-compose", func(t *testing.T, rules string) {
		for _, c := range decodeAll[compose](t, rules) {
			for _, service := range c.Services {
				if len(c.Services) != 1 || len(service.Ports) < 2 || len(c.Volumes) != len(service.Volumes) {
					t.Errorf("not the service that is wanted: %+v", c)
				}
			}
		}
	})
}

// decodeAll reads all documents and refuses fields that T lacks.
func decodeAll[T any](t *testing.T, text string) []T {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.KnownFields(true)
	var all []T
	for {
		var document T
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		all = append(all, document)
	}
	if len(all) == 0 {
		t.Fatal("no document")
	}
	return all
}
