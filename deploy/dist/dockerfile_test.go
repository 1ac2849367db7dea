package main

import (
	"bytes"
	"fmt"
	goversion "go/version"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"go.yaml.in/yaml/v3"
)

const dockerFolder = "../docker"

// image is what the last stage of the Dockerfile says.
type image struct {
	Environment       []string
	Entrypoint, Start []string
	Health            []string
	User              string
	Volumes           []string
	ports             []string // of EXPOSE
	copies            []*instructions.CopyCommand
}

// readDockerfile returns its first stage, which builds, and the image. Whatever
// docker build --check warns of fails the test.
func readDockerfile(t *testing.T) (build instructions.Stage, made image) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dockerFolder, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range parsed.Warnings {
		t.Errorf("line %v: %s", w.Location, w.Short)
	}
	lint := linter.New(&linter.Config{ExperimentalAll: true, Warn: func(rule, _, _, short string, at []parser.Range) {
		t.Errorf("%s at %v: %s", rule, at, short)
	}})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 || stages[1].BaseName != "scratch" {
		t.Fatalf("%d stages, the last from %s: want a build and an empty image", len(stages), stages[len(stages)-1].BaseName)
	}
	for _, c := range stages[1].Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			made.copies = append(made.copies, c)
		case *instructions.UserCommand:
			made.User = c.User
		case *instructions.EnvCommand:
			for _, e := range c.Env {
				made.Environment = append(made.Environment, e.Key+"="+e.Value)
			}
		case *instructions.ExposeCommand:
			made.ports = append(made.ports, c.Ports...)
		case *instructions.VolumeCommand:
			made.Volumes = append(made.Volumes, c.Volumes...)
		case *instructions.HealthCheckCommand:
			made.Health = c.Health.Test[1:]
		case *instructions.EntrypointCommand:
			made.Entrypoint = c.CmdLine
		case *instructions.CmdCommand:
			made.Start = c.CmdLine
		case *instructions.StopSignalCommand:
			if c.Signal != "SIGTERM" {
				t.Errorf("it is stopped by %s, but SIGTERM drains", c.Signal)
			}
		default:
			t.Errorf("this test does not know what %s is for", c.Name())
		}
	}
	return stages[0], made
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	build, made := readDockerfile(t)
	t.Run("builds as a release is built", func(t *testing.T) {
		var all strings.Builder
		for _, c := range build.Commands {
			fmt.Fprintln(&all, c)
		}
		for _, flag := range buildFlags(release{}) {
			for _, word := range strings.Fields(strings.TrimPrefix(flag, "-ldflags=")) {
				want, _, _ := strings.Cut(word, "main.version=")
				if name, _, stamped := strings.Cut(word, "="); stamped && strings.HasPrefix(name, "main.") {
					want = name + "=$"
				}
				if !strings.Contains(all.String(), want) {
					t.Errorf("it does not have %s", want)
				}
			}
		}
	})
	t.Run("builds with a Go that is named exactly, and new enough", func(t *testing.T) {
		name, found := strings.CutPrefix(build.BaseName, "golang:")
		version, _, _ := strings.Cut(name, "-")
		cmd := exec.Command("go", "list", "-m", "-f", "{{.GoVersion}}")
		cmd.Dir = "../.."
		least, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !found || strings.Count(version, ".") != 2 || goversion.Compare("go"+version, "go"+strings.TrimSpace(string(least))) < 0 {
			t.Errorf("the base is %s, want golang:X.Y.Z-… of %s or later", build.BaseName, least)
		}
	})
	t.Run("runs as a number that is not 0", func(t *testing.T) {
		uid, gid := made.ids(t)
		if uid == 0 || gid == 0 {
			t.Errorf("USER %s", made.User)
		}
	})
	t.Run("exposes the ports of its configuration", func(t *testing.T) {
		want := configuredPorts(t, made.Environment)
		if got := expand(t, made.ports); !slices.Equal(got, want) {
			t.Errorf("EXPOSE has %v, the server uses %v", got, want)
		}
	})
}

func (made image) ids(t *testing.T) (uid, gid int) {
	t.Helper()
	user, group, _ := strings.Cut(made.User, ":")
	uid, err := strconv.Atoi(user)
	if err != nil {
		t.Fatalf("USER %s is no number", made.User)
	}
	if gid, err = strconv.Atoi(group); err != nil {
		t.Fatalf("USER %s has no group that is a number", made.User)
	}
	return uid, gid
}

func TestCompose(t *testing.T) {
	t.Parallel()
	if _, err := loadCompose(t, nil); err == nil || !strings.Contains(err.Error(), "PUBLIC_ADDRESS") {
		t.Errorf("without an address: %v", err)
	}
	service, err := loadCompose(t, types.Mapping{"PUBLIC_ADDRESS": "ftp.example.org"})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("publishes the ports of its configuration, under the same numbers", func(t *testing.T) {
		var got []int
		for _, p := range service.Ports {
			if fmt.Sprint(p.Target) != p.Published || p.Protocol != "tcp" || p.HostIP != "" {
				t.Errorf("%d is published as %s:%s/%s", p.Target, p.HostIP, p.Published, p.Protocol)
			}
			got = append(got, int(p.Target))
		}
		slices.Sort(got)
		environment := []string{}
		for name, value := range service.Environment {
			environment = append(environment, name+"="+*value)
		}
		if want := configuredPorts(t, environment, "--config", filepath.Join(dockerFolder, "portico.yaml")); !slices.Equal(got, want) {
			t.Errorf("ports has %v, the server uses %v", got, want)
		}
	})
	t.Run("gives the container nothing that it need not have", func(t *testing.T) {
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || len(service.CapAdd) > 0 || service.Privileged ||
			!slices.Contains(service.SecurityOpt, "no-new-privileges:true") || service.User != "" || service.NetworkMode == "host" {
			t.Errorf("it is %+v", service)
		}
	})
	t.Run("gives a drain its time", func(t *testing.T) {
		var drain struct {
			Drain struct{ Delay, Timeout string }
		}
		showConfig(t, &drain, nil, "--config", filepath.Join(dockerFolder, "portico.yaml"))
		delay, delayErr := time.ParseDuration(drain.Drain.Delay)
		timeout, timeoutErr := time.ParseDuration(drain.Drain.Timeout)
		if delayErr != nil || timeoutErr != nil {
			t.Fatal(delayErr, timeoutErr)
		}
		if grace, least := time.Duration(*service.StopGracePeriod), delay+timeout+5*time.Second; grace <= least {
			t.Errorf("stop_grace_period is %v, a drain may take %v", grace, least)
		}
	})
	t.Run("mounts what the image declares, and checks what it serves", func(t *testing.T) {
		_, made := readDockerfile(t)
		var targets []string
		for _, v := range service.Volumes {
			targets = append(targets, v.Target)
		}
		for _, v := range made.Volumes {
			if !slices.Contains(targets, v) {
				t.Errorf("%s is no volume with a name", v)
			}
		}
		health := append(slices.Clone(made.Health), "--config", service.Command[len(service.Command)-1])
		if !slices.Equal(service.HealthCheck.Test[1:], health) {
			t.Errorf("the health check is %v, want %v", service.HealthCheck.Test, health)
		}
	})
}

// loadCompose reads the service as docker compose does.
func loadCompose(t *testing.T, environment types.Mapping) (types.ServiceConfig, error) {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: dockerFolder, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dockerFolder, "compose.yaml")}}, Environment: environment,
	}, func(o *loader.Options) { o.SetProjectName("portico", true) })
	if err != nil {
		return types.ServiceConfig{}, err
	}
	return project.Services["portico"], nil
}

// showConfig decodes the configuration as the server understands it.
func showConfig(t *testing.T, into any, environment []string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"run", "./cmd/portico", "config", "show"}, absolutePaths(t, args)...)...)
	cmd.Dir = "../.."
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PORTICO_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	for _, e := range environment {
		if strings.HasPrefix(e, "PORTICO_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("config show: %v", err)
	}
	if err := yaml.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

func absolutePaths(t *testing.T, args []string) []string {
	t.Helper()
	all := slices.Clone(args)
	for i, a := range all {
		if strings.Contains(a, "/") {
			var err error
			if all[i], err = filepath.Abs(a); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// configuredPorts are those on which a server of this configuration listens,
// sorted.
func configuredPorts(t *testing.T, environment []string, args ...string) []int {
	t.Helper()
	var c struct {
		Listeners []struct{ Address string }
		Passive   struct {
			Ports           string
			AdvertisedPorts string `yaml:"advertised_ports"`
		}
	}
	showConfig(t, &c, environment, args...)
	if c.Passive.AdvertisedPorts != "" {
		t.Errorf("clients are told other ports: %s", c.Passive.AdvertisedPorts)
	}
	texts := strings.Split(c.Passive.Ports, ",")
	for _, l := range c.Listeners {
		texts = append(texts, l.Address[strings.LastIndex(l.Address, ":")+1:])
	}
	return expand(t, texts)
}

// expand turns ports and ranges into ports, sorted.
func expand(t *testing.T, texts []string) []int {
	t.Helper()
	var ports []int
	for _, text := range texts {
		from, to, isRange := strings.Cut(strings.TrimSuffix(text, "/tcp"), "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		if err != nil {
			t.Fatal(err)
		}
		last, err := strconv.Atoi(to)
		if err != nil {
			t.Fatal(err)
		}
		for port := first; port <= last; port++ {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}
