package config

import (
	"strings"
	"testing"
)

func TestKeepSlice(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		slice, podIndex, host string
		ordinal               int
		ports, advertised     string
	}{
		"by its number":                {slice: "1", ordinal: 1, ports: "21103-21104,21200", advertised: "31103-31105"},
		"by the pod's index":           {slice: "auto", podIndex: "2", host: "portico-0", ordinal: 2, ports: "21201-21203", advertised: "31106-31108"},
		"by the host name":             {slice: "auto", host: "portico-1", ordinal: 1, ports: "21103-21104,21200", advertised: "31103-31105"},
		"by the first label of a name": {slice: "auto", host: "ftp-set-0.ftp.ns-7.svc", ordinal: 0, ports: "21100-21102", advertised: "31100-31102"},
		"an index that is empty":       {slice: "auto", podIndex: "", host: "portico-0", ordinal: 0, ports: "21100-21102", advertised: "31100-31102"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mustLoad(t, LoadOptions{File: writeFile(t, "portico.yaml",
				"passive: {ports: '21100-21104,21200-21204', advertised_ports: 31100-31109, slice_ports: 3, slice: "+test.slice+"}")})
			replica, err := c.KeepSlice(test.podIndex, test.host)
			if err != nil {
				t.Fatal(err)
			}
			if replica.Ordinal != test.ordinal || replica.Size != 3 || replica.Room != 3 || replica.Ports.String() != "21100-21104,21200-21204" || replica.Rest.String() != "21204" {
				t.Errorf("got %+v; want the replica of ordinal %d of 3", *replica, test.ordinal)
			}
			if got := c.Passive.Ports.String(); got != test.ports {
				t.Errorf("it owns the ports %s; want %s", got, test.ports)
			}
			if got := c.Passive.AdvertisedPorts.String(); got != test.advertised {
				t.Errorf("it advertises the ports %s; want %s", got, test.advertised)
			}
		})
	}
}

func TestKeepSliceFindsNoOrdinal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ podIndex, host, want string }{
		"a host without a number":     {"", "portico", `the host name "portico" does not end in a dash and a number`},
		"the random name of docker":   {"", "3f9a1c84e7d2", "does not end in a dash and a number"},
		"a dash without a number":     {"", "portico-", "does not end in a dash and a number"},
		"an index that is no number":  {"portico-0", "portico-0", `environment variable POD_INDEX, which is "portico-0"`},
		"a negative index":            {"-1", "portico-0", `environment variable POD_INDEX, which is "-1"`},
		"an ordinal beyond the range": {"10", "portico-0", "the replica of ordinal 10 has no ports: passive.ports (21100-21199) has room for 10 replicas of 10 ports each"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			c.Passive.Slice, c.Passive.SlicePorts = SliceAuto, 10
			_, err := c.KeepSlice(test.podIndex, test.host)
			if err == nil || !strings.HasPrefix(err.Error(), "passive.slice: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want it to say %q", err, test.want)
			}
			if got := c.Passive.Ports.String(); got != "21100-21199" {
				t.Errorf("the ports became %s", got)
			}
		})
	}
}

func TestKeepSliceKeepsAllPortsWithoutOne(t *testing.T) {
	t.Parallel()
	c := Default()
	replica, err := c.KeepSlice("1", "portico-1")
	if replica != nil || err != nil || c.Passive.Ports.String() != "21100-21199" {
		t.Errorf("got %v, %v and the ports %v", replica, err, c.Passive.Ports)
	}
}
