package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

func TestCheckSaysWhichSliceTheReplicaHas(t *testing.T) {
	t.Parallel()
	for range 5 { // another program may take a port in between
		ports := freePorts(t, 6)
		file := replicaFile(t, "listeners: [{address: '127.0.0.1:"+ports[5]+"'}]\npassive: {ports: '"+strings.Join(ports[:5], ",")+"', slice: auto, slice_ports: 2}\n")
		o := execute(t, "", []string{"POD_INDEX=1"}, "check", "--allow-root", "--config", file)
		if strings.Contains(o.stdout, "address already in use") {
			continue
		}
		all := strings.Join(ports[:5], ",")
		o.want(t, 0,
			"ok    passive ports: "+strings.Join(ports[2:4], ",")+" (2), the slice of replica 1 of the passive ports "+all+", which have room for 2\n",
			"warn  passive ports: passive.slice_ports: no replica uses the passive ports "+ports[4]+", because slices of 2 do not divide the 5 of "+all)
		return
	}
	t.Fatal("every port was taken")
}

func TestCheckFindsNoSlice(t *testing.T) {
	t.Parallel()
	file := replicaFile(t, "passive: {ports: 21100-21129, slice: auto, slice_ports: 10}\n")
	environ := []string{"POD_INDEX=3"}
	fault := file + ": passive.slice: the replica of ordinal 3 has no ports: passive.ports (21100-21129) has room for 3 replicas"
	execute(t, "", environ, "check", "--allow-root", "--config", file).want(t, 1, "FAIL  configuration: "+fault)
	execute(t, "", environ, "serve", "--allow-root", "--config", file).want(t, 1, fault)
}

// What is for this process alone sees its slice alone.
func TestReplicaNeedsItsSliceAlone(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default()}
	s.config.Passive.Slice, s.config.Passive.SlicePorts = "2", 10
	if err := s.keepSlice(""); err != nil {
		t.Fatal(err)
	}
	own := portalloc.PortList{{First: 21120, Last: 21129}}
	if got := allocatorOptions(s.config).Ports; !slices.Equal(got, own) {
		t.Errorf("the allocator has the ports %v; want %v", got, own)
	}
	if bind := s.portNeeds().Bind; !bind.Contains(21120) || bind.Contains(21119) || bind.Contains(21130) {
		t.Errorf("the sandbox allows to bind %v", bind)
	}
}

// replicaFile is a configuration with a user in memory, and other settings.
func replicaFile(t *testing.T, settings string) string {
	t.Helper()
	return writeFile(t, "portico.yaml", "users: [{name: alice, password: '"+hashOf(t, "secret")+"', storage: memory}]\n"+settings)
}
