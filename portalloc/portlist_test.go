package portalloc

import (
	"slices"
	"testing"
)

func TestParsePorts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, in, text string
		ports          []uint16
	}{
		{"empty list", "", "", nil},
		{"white space alone", " \t", "", nil},
		{"one port", "21100", "21100", []uint16{21100}},
		{"a range with both ends", "21100-21102", "21100-21102", []uint16{21100, 21101, 21102}},
		{"a range of one port", "7-7", "7", []uint16{7}},
		{"white space around everything", " 5 - 6 , 1 ", "5-6,1", []uint16{5, 6, 1}},
		{"the order is kept", "30,10-11,20", "30,10-11,20", []uint16{30, 10, 11, 20}},
		{"the highest port", "65534-65535", "65534-65535", []uint16{65534, 65535}},
		{"neighbours do not overlap", "1-2,3-4", "1-2,3-4", []uint16{1, 2, 3, 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			list, err := ParsePorts(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Collect(list.All()); !slices.Equal(got, test.ports) {
				t.Errorf("ports %v; want %v", got, test.ports)
			}
			if list.Len() != len(test.ports) {
				t.Errorf("Len %d; want %d", list.Len(), len(test.ports))
			}
			if list.String() != test.text {
				t.Errorf("String %q; want %q", list, test.text)
			}
		})
	}
}

func TestParsePortsRefuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"port 0":                    "0",
		"port 65536":                "65536",
		"a negative port":           "-5",
		"a sign":                    "+5",
		"a word":                    "ftp",
		"a range without an end":    "5-",
		"a range backwards":         "6-5",
		"a range of three":          "1-2-3",
		"an empty part":             "1,,2",
		"a comma at the end":        "1,",
		"a port twice":              "5,5",
		"overlapping ranges":        "1-5,5-9",
		"a range inside another":    "100-200,20,150-160",
		"overlap out of order":      "50,10-60",
		"a number of another base":  "0x10",
		"white space in the number": "2 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if list, err := ParsePorts(in); err == nil {
				t.Errorf("ParsePorts(%q) = %v; want an error", in, list)
			}
			kept := PortList{{7, 7}}
			if err := kept.UnmarshalText([]byte(in)); err == nil || !slices.Equal(kept, PortList{{7, 7}}) {
				t.Errorf("UnmarshalText(%q): %v, list %v; want an error and the list as it was", in, err, kept)
			}
		})
	}
}

func TestPortListContains(t *testing.T) {
	t.Parallel()
	list := mustPorts(t, "10-20,30")
	for port, want := range map[uint16]bool{9: false, 10: true, 15: true, 20: true, 21: false, 30: true, 0: false} {
		if got := list.Contains(port); got != want {
			t.Errorf("Contains(%d) = %v; want %v", port, got, want)
		}
	}
}

func TestPortListSlice(t *testing.T) {
	t.Parallel()
	list := mustPorts(t, "10-14,3,20-21") // positions 0-4, 5, 6-7
	for _, test := range []struct {
		from, to int
		want     string
	}{
		{0, 8, "10-14,3,20-21"},
		{0, 3, "10-12"},
		{3, 6, "13-14,3"},
		{4, 7, "14,3,20"},
		{5, 6, "3"},
		{6, 9, "20-21"}, // more than there are
		{8, 9, ""},
		{2, 2, ""},
		{3, 2, ""},
		{-1, 1, "10"},
	} {
		if got := list.Slice(test.from, test.to).String(); got != test.want {
			t.Errorf("Slice(%d, %d) = %q; want %q", test.from, test.to, got, test.want)
		}
	}
	if got := mustPorts(t, "1-65535").Slice(65530, 65535).String(); got != "65531-65535" {
		t.Errorf("the end of all ports is %q", got)
	}
}

func TestPortListAllStopsEarly(t *testing.T) {
	t.Parallel()
	var seen []uint16
	for port := range mustPorts(t, "1-3,8").All() {
		if seen = append(seen, port); port == 2 {
			break
		}
	}
	if !slices.Equal(seen, []uint16{1, 2}) {
		t.Errorf("saw %v; want 1 and 2", seen)
	}
}

func TestPortListOfGathersRanges(t *testing.T) {
	t.Parallel()
	for want, ports := range map[string][]uint16{
		"":               nil,
		"5":              {5},
		"1-3,5":          {5, 3, 1, 2},
		"65534-65535":    {65535, 65534},
		"1,3,65535":      {65535, 1, 3},
		"80,21100-21101": {21100, 80, 21101},
	} {
		if got := portListOf(ports).String(); got != want {
			t.Errorf("portListOf(%v) = %q; want %q", ports, got, want)
		}
	}
}

// FuzzParsePorts checks that what is read is within bounds, and that its text
// form is read as the same list.
func FuzzParsePorts(f *testing.F) {
	for _, seed := range []string{"", "21100-21199", "21100-21149,21160", " 1 , 2-3", "65535", "0", "9-1", "1-5,5", "-", ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParsePorts(s)
		if err != nil {
			return
		}
		if err := list.check("fuzzed ports"); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		seen := make(map[uint16]bool)
		for port := range list.All() {
			if seen[port] || !list.Contains(port) {
				t.Errorf("%q: port %d is twice in the list, or not contained", s, port)
			}
			seen[port] = true
		}
		if len(seen) != list.Len() {
			t.Errorf("%q: %d ports; Len %d", s, len(seen), list.Len())
		}
		again, err := ParsePorts(list.String())
		if err != nil || !slices.Equal(again, list) {
			t.Errorf("%q: the text form %q reads as %v, %v", s, list, again, err)
		}
	})
}
