package ldapusers_test

import (
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// entries of a directory: attributes by the name of the entry. A password is
// what opens the attribute userPassword.
type entries map[string]map[string][]string

// directory is a small LDAP server. The one of e2e is a real one; this one does
// what no real one would.
type directory struct {
	url      string
	listener net.Listener
	entries  entries
	tls      *tls.Config // nil: no StartTLS
	answer   func(request *ber.Packet) *ber.Packet
	flood    bool // answer searches rightly, and with 10 MiB

	connections atomic.Int32

	mu      sync.Mutex // guards what follows
	binds   []bind
	filters []string
}

type bind struct{ dn, password string }

// newDirectory serves entries until the test ends. Adjust may change it before.
func newDirectory(t *testing.T, entries entries, adjust ...func(*directory)) *directory {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &directory{url: "ldap://" + listener.Addr().String(), listener: listener, entries: entries}
	for _, change := range adjust {
		change(d)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := d.listener.Accept()
			if err != nil {
				return
			}
			d.connections.Add(1)
			stop := make(chan struct{})
			t.Cleanup(func() { conn.Close(); <-stop })
			go func() {
				defer close(stop)
				defer conn.Close()
				d.serve(conn)
			}()
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return d
}

func (d *directory) serve(conn net.Conn) {
	for {
		request, err := ber.ReadPacket(conn)
		if err != nil {
			return
		}
		if d.answer != nil {
			if reply := d.answer(request); reply != nil {
				_, _ = conn.Write(reply.Bytes())
				continue
			}
		}
		id, op := request.Children[0].Value.(int64), request.Children[1]
		switch op.Tag {
		case ldap.ApplicationBindRequest:
			_, _ = conn.Write(result(id, ldap.ApplicationBindResponse, d.bind(op)).Bytes())
		case ldap.ApplicationSearchRequest:
			d.search(conn, id, op)
		case ldap.ApplicationExtendedRequest:
			if d.tls == nil {
				_, _ = conn.Write(result(id, ldap.ApplicationExtendedResponse, ldap.LDAPResultProtocolError).Bytes())
				continue
			}
			_, _ = conn.Write(result(id, ldap.ApplicationExtendedResponse, ldap.LDAPResultSuccess).Bytes())
			conn = tls.Server(conn, d.tls)
		default:
			return
		}
	}
}

func (d *directory) bind(op *ber.Packet) int {
	dn, password := op.Children[1].Value.(string), op.Children[2].Data.String()
	d.mu.Lock()
	d.binds = append(d.binds, bind{dn, password})
	d.mu.Unlock()
	switch attributes, known := d.find(dn); {
	case password == "": // as RFC 4513 §5.1.2 has it, and as many servers do
		return ldap.LDAPResultSuccess
	case known && slices.Contains(attributes["userPassword"], password):
		return ldap.LDAPResultSuccess
	default:
		return ldap.LDAPResultInvalidCredentials
	}
}

func (d *directory) find(name string) (map[string][]string, bool) {
	wanted, err := ldap.ParseDN(name)
	if err != nil {
		return nil, false
	}
	for dn, attributes := range d.entries {
		if parsed, err := ldap.ParseDN(dn); err == nil && parsed.EqualFold(wanted) {
			return attributes, true
		}
	}
	return nil, false
}

func (d *directory) search(conn net.Conn, id int64, op *ber.Packet) {
	base, scope, filter := op.Children[0].Value.(string), op.Children[1].Value.(int64), op.Children[6]
	text, err := ldap.DecompileFilter(filter)
	if err != nil {
		text = err.Error()
	}
	d.mu.Lock()
	d.filters = append(d.filters, text)
	d.mu.Unlock()
	junk := "" // beside an answer that is right
	if d.flood {
		junk = strings.Repeat("x", 10<<20)
	}
	_, known := d.find(base)
	for dn, attributes := range d.entries {
		fits := strings.HasSuffix(strings.ToLower(dn), strings.ToLower(base)) && scope == ldap.ScopeWholeSubtree || strings.EqualFold(dn, base)
		known = known || fits
		if fits && matches(filter, attributes) {
			attributes = maps.Clone(attributes)
			attributes["junk"] = []string{junk}
			_, _ = conn.Write(found(id, dn, attributes).Bytes())
		}
	}
	code := ldap.LDAPResultSuccess
	if !known {
		code = ldap.LDAPResultNoSuchObject
	}
	_, _ = conn.Write(result(id, ldap.ApplicationSearchResultDone, code).Bytes())
}

// matches evaluates the filters of the tests, substrings as anything at all.
func matches(filter *ber.Packet, attributes map[string][]string) bool {
	switch filter.Tag {
	case ldap.FilterAnd:
		return !slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return !matches(f, attributes) })
	case ldap.FilterOr:
		return slices.ContainsFunc(filter.Children, func(f *ber.Packet) bool { return matches(f, attributes) })
	case ldap.FilterEqualityMatch:
		wanted := filter.Children[1].Data.String()
		return slices.ContainsFunc(attributes[filter.Children[0].Data.String()], func(v string) bool { return strings.EqualFold(v, wanted) })
	default: // present, substrings
		return true
	}
}

func result(id int64, tag ber.Tag, code int) *ber.Packet {
	return message(id, tag,
		ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, "resultCode"),
		ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "matchedDN"),
		ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "diagnosticMessage"))
}

func found(id int64, dn string, attributes map[string][]string) *ber.Packet {
	list := ber.NewSequence("attributes")
	for name, values := range attributes {
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "values")
		for _, value := range values {
			set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "value"))
		}
		one := ber.NewSequence("attribute")
		one.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, "type"))
		one.AppendChild(set)
		list.AppendChild(one)
	}
	return message(id, ldap.ApplicationSearchResultEntry, ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, "dn"), list)
}

func message(id int64, tag ber.Tag, parts ...*ber.Packet) *ber.Packet {
	packet := ber.NewSequence("message")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "id"))
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "op")
	for _, part := range parts {
		op.AppendChild(part)
	}
	packet.AppendChild(op)
	return packet
}

func (d *directory) seen() (binds []bind, filters []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.binds), slices.Clone(d.filters)
}
