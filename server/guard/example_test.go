package guard_test

import (
	"fmt"
	"net/netip"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/guard"
)

// A server calls Observe and Admit when Options.OnSecurity and Options.Admit are
// set to them.
func ExampleNew() {
	g, err := guard.New(guard.Options{Weights: guard.Weights{WrongPassword: 10}, Threshold: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := netip.MustParseAddrPort("203.0.113.1:40000")
	for range 3 {
		reason, ok := g.Admit(client.Addr())
		fmt.Printf("%v %q\n", ok, reason)
		g.Observe(server.SecurityEvent{Kind: server.SecurityLoginFailed, Reason: "wrong_password", Client: client})
	}
	// Output:
	// true ""
	// true ""
	// false "ban"
}
