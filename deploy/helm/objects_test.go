package helm

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// rendered are the objects of one rendering, by their names.
type rendered struct {
	statefulSet *appsv1.StatefulSet
	services    map[string]*corev1.Service
	secrets     map[string]*corev1.Secret
	policy      *networkingv1.NetworkPolicy
	budget      *policyv1.PodDisruptionBudget
	monitor     *serviceMonitor
}

// serviceMonitor has the fields of the Prometheus operator's object that the
// chart uses.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port          string `json:"port"`
			Scheme        string `json:"scheme"`
			Path          string `json:"path"`
			Interval      string `json:"interval"`
			Authorization struct {
				Credentials corev1.SecretKeySelector `json:"credentials"`
			} `json:"authorization"`
			TLSConfig struct {
				ServerName         string `json:"serverName"`
				InsecureSkipVerify bool   `json:"insecureSkipVerify"`
			} `json:"tlsConfig"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// decode decodes strictly: a field that the API does not have, and one that is
// there twice, are faults.
func decode(t *testing.T, text string) *rendered {
	t.Helper()
	r := &rendered{services: map[string]*corev1.Service{}, secrets: map[string]*corev1.Secret{}}
	for _, document := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if kind.Kind == "" {
			continue // a comment
		}
		if err := r.take(kind, []byte(document)); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
	}
	return r
}

func (r *rendered) take(kind metav1.TypeMeta, document []byte) error {
	switch strings.TrimPrefix(kind.APIVersion+"/"+kind.Kind, "v1/") {
	case "apps/v1/StatefulSet":
		return once(&r.statefulSet, document)
	case "networking.k8s.io/v1/NetworkPolicy":
		return once(&r.policy, document)
	case "policy/v1/PodDisruptionBudget":
		return once(&r.budget, document)
	case "monitoring.coreos.com/v1/ServiceMonitor":
		return once(&r.monitor, document)
	case "Service":
		return named(r.services, document, func(s *corev1.Service) string { return s.Name })
	case "Secret":
		return named(r.secrets, document, func(s *corev1.Secret) string { return s.Name })
	default:
		return fmt.Errorf("unexpected object %s of %s", kind.Kind, kind.APIVersion)
	}
}

func once[T any](to **T, document []byte) error {
	if *to != nil {
		return fmt.Errorf("a second %T", **to)
	}
	*to = new(T)
	return yaml.UnmarshalStrict(document, *to)
}

func named[T any](to map[string]*T, document []byte, name func(*T) string) error {
	object := new(T)
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return err
	}
	if to[name(object)] != nil {
		return fmt.Errorf("a second %T named %s", *object, name(object))
	}
	to[name(object)] = object
	return nil
}

// What makes a pod safe is there whatever the values say.
func TestPodsAreConfined(t *testing.T) {
	t.Parallel()
	forEachProfile(t, func(t *testing.T, p profile) {
		pod := decode(t, render(t, p.args...)).statefulSet.Spec.Template.Spec
		container := pod.Containers[0]
		security := container.SecurityContext
		for _, c := range []struct {
			what string
			ok   bool
		}{
			{"one container", len(pod.Containers) == 1 && len(pod.InitContainers) == 0},
			{"no root", is(pod.SecurityContext.RunAsNonRoot, true)},
			{"the default filter of system calls", pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault},
			{"no token of the cluster", is(pod.AutomountServiceAccountToken, false)},
			{"a read-only root", is(security.ReadOnlyRootFilesystem, true)},
			{"no gain of rights", is(security.AllowPrivilegeEscalation, false)},
			{"no capability", len(security.Capabilities.Add) == 0 && len(security.Capabilities.Drop) == 1 && security.Capabilities.Drop[0] == "ALL"},
			{"probes", container.LivenessProbe != nil && container.ReadinessProbe != nil && container.StartupProbe != nil},
			{"a limit of memory", !container.Resources.Limits.Memory().IsZero()},
		} {
			if !c.ok {
				t.Errorf("not so: %s", c.what)
			}
		}
	})
}

func is(b *bool, want bool) bool { return b != nil && *b == want }

// Every mounted volume exists, and nothing exists that is not mounted.
func TestVolumesAreMounted(t *testing.T) {
	t.Parallel()
	forEachProfile(t, func(t *testing.T, p profile) {
		set := decode(t, render(t, p.args...)).statefulSet
		volumes := map[string]bool{}
		for _, v := range set.Spec.Template.Spec.Volumes {
			volumes[v.Name] = true
		}
		for _, c := range set.Spec.VolumeClaimTemplates {
			volumes[c.Name] = true
		}
		for _, m := range set.Spec.Template.Spec.Containers[0].VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("%s is mounted, and there is no such volume", m.Name)
			}
			delete(volumes, m.Name)
		}
		for name := range volumes {
			t.Errorf("volume %s is not mounted", name)
		}
	})
}

// All selectors find the pods, and Secrets that the chart makes are those that
// it mounts.
func TestObjectsFindEachOther(t *testing.T) {
	t.Parallel()
	forEachProfile(t, func(t *testing.T, p profile) {
		r := decode(t, render(t, p.args...))
		labels := r.statefulSet.Spec.Template.Labels
		selects := func(what string, selector map[string]string) {
			for key, value := range selector {
				if key != "statefulset.kubernetes.io/pod-name" && labels[key] != value {
					t.Errorf("%s selects %s=%s, which the pods do not have", what, key, value)
				}
			}
		}
		selects("StatefulSet", r.statefulSet.Spec.Selector.MatchLabels)
		selects("PodDisruptionBudget", r.budget.Spec.Selector.MatchLabels)
		if r.policy != nil {
			selects("NetworkPolicy", r.policy.Spec.PodSelector.MatchLabels)
		}
		for name, service := range r.services {
			selects("Service "+name, service.Spec.Selector)
		}
		if r.services[r.statefulSet.Spec.ServiceName] == nil {
			t.Errorf("no Service %s, which the StatefulSet names", r.statefulSet.Spec.ServiceName)
		}
		mounted := map[string]bool{}
		for _, v := range r.statefulSet.Spec.Template.Spec.Volumes {
			if v.Secret != nil {
				mounted[v.Secret.SecretName] = true
			}
		}
		for name := range r.secrets {
			if !mounted[name] {
				t.Errorf("Secret %s is not mounted", name)
			}
		}
		if m := r.monitor; m != nil {
			service := r.services[r.statefulSet.Name+"-metrics"]
			for key, value := range m.Spec.Selector.MatchLabels {
				if service.Labels[key] != value {
					t.Errorf("ServiceMonitor selects %s=%s, which the Service does not have", key, value)
				}
			}
			if service.Spec.Ports[0].Name != m.Spec.Endpoints[0].Port {
				t.Error("ServiceMonitor names a port that the Service does not have")
			}
		}
	})
}

// Kubernetes kills a pod after its grace period: the server's drain has to fit.
func TestGracePeriodHoldsTheDrain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values string
		want   int64
	}{
		{"drain.delaySeconds=10", 85},
		{"drain.delaySeconds=20,drain.timeoutSeconds=300,drain.preStopSeconds=7", 342},
		{"terminationGracePeriodSeconds=600", 600},
	} {
		set := decode(t, render(t, "--set", c.values)).statefulSet
		if got := *set.Spec.Template.Spec.TerminationGracePeriodSeconds; got != c.want {
			t.Errorf("%s: %d s, want %d s", c.values, got, c.want)
		}
	}
}

// A reload is enough for what a reload can change; pods are replaced for the rest.
func TestPodsAreReplacedOnlyForWhatAReloadCannotChange(t *testing.T) {
	t.Parallel()
	template := func(values string) string {
		text, err := yaml.Marshal(decode(t, render(t, "--set", values)).statefulSet.Spec.Template)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := template("replicaCount=1")
	for values, replaced := range map[string]bool{
		"config.limits.sessions=7":                      false,
		"config.banner=Hello":                           false,
		"config.groups[0].name=a":                       false,
		"users.list[0].name=a,users.list[0].password=b": false,
		"config.sandbox=required":                       true,
		"config.log.sampling=off":                       true,
		"passive.count=3":                               true,
	} {
		if got := template(values) != before; got != replaced {
			t.Errorf("%s replaces the pods: %t, want %t", values, got, replaced)
		}
	}
}
