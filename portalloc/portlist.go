package portalloc

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// PortRange is a run of TCP ports, both ends included.
type PortRange struct {
	First, Last uint16
}

// Len is the number of ports in the range.
func (r PortRange) Len() int { return int(r.Last) - int(r.First) + 1 }

// String returns "21100-21199", or "21100" for a single port.
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// PortList is a list of TCP ports, written "21100-21149,21160". The order of
// its ranges is kept, because the n-th advertised port stands for the n-th
// listen port. A list made by ParsePorts names no port twice and never port 0.
// The zero value is an empty list.
type PortList []PortRange

// ParsePorts reads a port list: ports and ranges "first-last", separated by
// commas, white space around them ignored. The empty string is an empty list.
// An error names the part that is wrong.
func ParsePorts(s string) (PortList, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var list PortList
	for part := range strings.SplitSeq(s, ",") {
		r, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	if a, b, found := list.overlap(); found {
		return nil, fmt.Errorf("portalloc: ports %v and %v overlap: name each port once", a, b)
	}
	return list, nil
}

func parseRange(s string) (PortRange, error) {
	from, to, isRange := strings.Cut(s, "-")
	first, err := parsePort(from)
	if err != nil {
		return PortRange{}, fmt.Errorf("portalloc: ports %q: %w", s, err)
	}
	if !isRange {
		return PortRange{first, first}, nil
	}
	last, err := parsePort(to)
	if err != nil {
		return PortRange{}, fmt.Errorf("portalloc: ports %q: %w", s, err)
	}
	if last < first {
		return PortRange{}, fmt.Errorf("portalloc: ports %q run backwards: write %d-%d", s, last, first)
	}
	return PortRange{first, last}, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port from 1 to 65535", s)
	}
	return uint16(n), nil
}

func (l PortList) overlap() (a, b PortRange, found bool) {
	sorted := slices.Clone(l)
	slices.SortFunc(sorted, func(a, b PortRange) int { return int(a.First) - int(b.First) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].First <= sorted[i-1].Last {
			return sorted[i-1], sorted[i], true
		}
	}
	return PortRange{}, PortRange{}, false
}

// Len is the number of ports in the list.
func (l PortList) Len() int {
	n := 0
	for _, r := range l {
		n += r.Len()
	}
	return n
}

// All yields the ports in the order in which the list names them.
func (l PortList) All() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for _, r := range l {
			for p := int(r.First); p <= int(r.Last); p++ {
				if !yield(uint16(p)) {
					return
				}
			}
		}
	}
}

// Slice returns the ports from the one at position from, counted from 0, to the
// one before position to, as far as the list has so many, in their order. Several
// servers behind one address can share a list that way: with n ports each, the
// i-th has Slice(i*n, (i+1)*n), and a data connection is for the server to whose
// slice its port belongs.
func (l PortList) Slice(from, to int) PortList {
	var part PortList
	for _, r := range l {
		first, last := max(from, 0), min(to, r.Len())-1 // in this range
		if first <= last {
			part = append(part, PortRange{r.First + uint16(first), r.First + uint16(last)})
		}
		from, to = from-r.Len(), to-r.Len()
	}
	return part
}

// Contains says whether the list names the port.
func (l PortList) Contains(port uint16) bool {
	return slices.ContainsFunc(l, func(r PortRange) bool { return r.First <= port && port <= r.Last })
}

// String returns the list in the form that ParsePorts reads.
func (l PortList) String() string {
	parts := make([]string, len(l))
	for i, r := range l {
		parts[i] = r.String()
	}
	return strings.Join(parts, ",")
}

// MarshalText implements encoding.TextMarshaler.
func (l PortList) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *PortList) UnmarshalText(text []byte) error {
	list, err := ParsePorts(string(text))
	if err != nil {
		return err
	}
	*l = list
	return nil
}
