// Package firewall says what a firewall must let through for an FTP server and
// writes it down in the language of many firewalls.
//
//	plan, err := firewall.NewPlan(firewall.Request{
//		Service: firewall.Service{
//			Listeners: []firewall.Listener{{Port: 2121}},
//			Passive:   portalloc.PortList{{First: 21100, Last: 21199}},
//		},
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	rules, err := plan.Render("nftables")
//
// # Model
//
// An FTP session needs a control connection, and a data connection for each
// transfer: in passive mode from the client to one of the server's passive
// ports, in active mode from the server's source port to a port of the client.
// Seen from the server's firewall and from the client's that makes four cases.
// A Plan holds the connections of one side as Flows, and nothing of any
// firewall's syntax; each target renders them in a file of its own.
//
// A firewall that reads FTP (Linux has a connection tracking helper) finds out
// about the data connections by itself. It cannot read a control connection
// under TLS, so a plan relies on it only where no TLS is offered.
//
// # Not here
//
// The package opens no port, loads no rule and knows nothing of configuration
// files: what it prints is for an administrator to read and apply.
package firewall
