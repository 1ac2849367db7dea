package server

import (
	"fmt"
	"net"

	"github.com/pires/go-proxyproto"
)

// ReadProxyHeader reads the PROXY protocol header (v1 or v2) that a load
// balancer sends first, and returns a connection whose addresses are those
// that the header names. A connection without a valid header is an error. The
// caller sets a read deadline before and closes the connection after an error.
// It serves as portalloc.Options.Unproxy.
func ReadProxyHeader(conn net.Conn) (net.Conn, error) {
	proxied := proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(0))
	if proxied.ProxyHeader() == nil {
		// ProxyHeader hides why; a read tells.
		_, err := proxied.Read(nil)
		return nil, fmt.Errorf("server: PROXY header from %v: %w", conn.RemoteAddr(), err)
	}
	return proxied, nil
}
