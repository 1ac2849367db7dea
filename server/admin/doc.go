// Package admin is the interface through which a server is operated: over HTTP,
// for programs and for a page that stands on it.
//
//	control, err := admin.New(admin.Options{Server: srv, Ports: func() *portalloc.Allocator { return ports }})
//	if err != nil {
//		return err
//	}
//	listener, err := net.Listen("unix", "/run/portico/admin.sock")
//	if err != nil {
//		return err
//	}
//	go control.Serve(listener)
//	defer control.Close()
//
// /healthz and /readyz answer anybody. All else asks for a token, where there
// are any, or a client certificate; without both everybody who can connect is an
// administrator, which New and Serve allow on loopback addresses and unix sockets
// only. The API is below /api/v1 and described by /api/v1/openapi.json. Errors
// are JSON (RFC 9457).
//
// Browsers are kept from being led here by other pages: there is no CORS, what
// changes something takes JSON only and checks the origin (Sec-Fetch-Site,
// Origin), and without tokens a host name other than localhost is refused (DNS
// rebinding).
package admin
