package portalloc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// freePorts are n ports that the kernel finds free.
func freePorts(n int) portalloc.PortList {
	var list portalloc.PortList
	for range n {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			panic(err)
		}
		defer l.Close() // at the end, so that no port comes twice
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		list = append(list, portalloc.PortRange{First: port, Last: port})
	}
	return list
}

// serve is the life of a session: it leases a port, tells its client, and
// accepts the data connection.
func serve(ports *portalloc.Allocator, session net.Conn) {
	defer session.Close()
	client := session.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
	lease, err := ports.Acquire(context.Background(), portalloc.Claim{Client: client})
	if err != nil {
		fmt.Fprint(session, "425 No passive port is free.\r\n")
		return
	}
	defer lease.Close()
	fmt.Fprintf(session, "229 Entering Extended Passive Mode (|||%d|)\r\n", lease.AdvertisedPort())
	data, err := lease.Accept(context.Background())
	if err != nil {
		fmt.Fprint(session, "425 No data connection came.\r\n")
		return
	}
	defer data.Close()
	fmt.Fprintln(data, "hello")
}

// The program of the package's documentation, with a client.
func Example() {
	ports, err := portalloc.New(portalloc.Options{Ports: freePorts(1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ports.Close()
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer control.Close()
	go func() {
		if session, err := control.Accept(); err == nil {
			serve(ports, session)
		}
	}()

	session, err := net.Dial("tcp", control.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	var port int
	if _, err := fmt.Fscanf(session, "229 Entering Extended Passive Mode (|||%d|)\r\n", &port); err != nil {
		fmt.Println(err)
		return
	}
	data, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer data.Close()
	greeting, err := io.ReadAll(data)
	fmt.Printf("%s%v\n", greeting, err)
	// Output:
	// hello
	// <nil>
}

// One port serves any number of clients with addresses of their own at the same
// time; two leases of one address need two ports.
func ExampleAllocator_TryAcquire() {
	ports, err := portalloc.New(portalloc.Options{Ports: freePorts(1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ports.Close()

	for _, client := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.1"} {
		_, err := ports.TryAcquire(portalloc.Claim{Client: netip.MustParseAddr(client)})
		fmt.Println(client, err == nil, errors.Is(err, portalloc.ErrExhausted))
	}
	// Output:
	// 203.0.113.1 true false
	// 203.0.113.2 true false
	// 203.0.113.1 false true
}

// Every lease ends in one event.
func ExampleOptions_observer() {
	ports, err := portalloc.New(portalloc.Options{
		Ports:    freePorts(1),
		Observer: func(e portalloc.Event) { fmt.Println(e.Client, e.Outcome) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	first, err := ports.TryAcquire(portalloc.Claim{Client: netip.MustParseAddr("203.0.113.1")})
	if err != nil {
		fmt.Println(err)
		return
	}
	claim := portalloc.Claim{Client: netip.MustParseAddr("203.0.113.1"), Replaces: first}
	if _, err := ports.TryAcquire(claim); err != nil {
		fmt.Println(err)
		return
	}
	ports.Close()
	// Output:
	// 203.0.113.1 replaced
	// 203.0.113.1 cancelled
}

func ExampleParsePorts() {
	ports, err := portalloc.ParsePorts("21100-21149, 21160")
	fmt.Println(ports, ports.Len(), err)
	_, err = portalloc.ParsePorts("21149-21100")
	fmt.Println(err)
	// Output:
	// 21100-21149,21160 51 <nil>
	// portalloc: ports "21149-21100" run backwards: write 21100-21149
}

// Three servers behind one address have ten ports each.
func ExamplePortList_Slice() {
	ports, _ := portalloc.ParsePorts("21100-21129")
	for i := range 3 {
		fmt.Println(ports.Slice(10*i, 10*i+10))
	}
	// Output:
	// 21100-21109
	// 21110-21119
	// 21120-21129
}

// Clients in the local network are told the local address, all others the one
// of the router in front.
func ExampleAdvertiser() {
	advertiser, err := portalloc.NewAdvertiser([]portalloc.AddressRule{
		{Clients: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}, Address: portalloc.AddressLocal},
		{Address: "203.0.113.7"},
	}, portalloc.AdvertiserOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer advertiser.Close()

	local := netip.MustParseAddr("192.168.1.2") // of the control connection
	for _, client := range []string{"192.168.1.77", "198.51.100.9"} {
		addr, err := advertiser.Addr(netip.MustParseAddr(client), local)
		fmt.Println(client, addr, err)
	}
	// Output:
	// 192.168.1.77 192.168.1.2 <nil>
	// 198.51.100.9 203.0.113.7 <nil>
}

// Two hundred sessions behind one address, each asking for a port every two
// seconds, over a line with a round trip of 50 ms.
func ExamplePlan() {
	plan, err := portalloc.Plan(portalloc.Load{
		Sessions:    200,
		Cycle:       2 * time.Second,
		ConnectTime: 100 * time.Millisecond,
		OneAddress:  1,
		Probability: 0.01,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.0f erlangs: %d ports\n", plan.Offered, plan.PortsToWait)
	for _, row := range plan.Table[len(plan.Table)-5:] {
		fmt.Printf("%d ports: %.2f %% wait\n", row.Ports, 100*row.Waits)
	}
	// Output:
	// 10 erlangs: 19 ports
	// 17 ports: 3.09 % wait
	// 18 ports: 1.59 % wait
	// 19 ports: 0.79 % wait
	// 20 ports: 0.37 % wait
	// 21 ports: 0.17 % wait
}

func ExampleCheck() {
	findings := portalloc.Check(portalloc.CheckOptions{
		Ports:  portalloc.PortList{{First: 40000, Last: 40099}},
		System: &portalloc.System{EphemeralPorts: portalloc.PortRange{First: 32768, Last: 60999}},
	})
	for _, finding := range findings {
		fmt.Println(finding.Severity, finding.Setting)
		fmt.Println(finding.Remedy)
	}
	// Output:
	// warning ports
	// choose ports outside, or: sysctl -w net.ipv4.ip_local_reserved_ports=40000-40099
}
