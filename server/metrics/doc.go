// Package metrics measures a server, its passive ports and its storage for
// Prometheus.
//
//	m := metrics.New(metrics.Options{Version: "1.0"})
//	m.HookPorts(&portOptions)
//	ports, err := portalloc.New(portOptions)
//	if err != nil {
//		return err
//	}
//	serverOptions.Ports = ports
//	m.HookServer(&serverOptions)
//	srv, err := server.New(serverOptions)
//	if err != nil {
//		return err
//	}
//	m.Watch(srv, ports)
//	registry.MustRegister(m) // a prometheus.Registry of your own
//
// Nothing is registered anywhere by itself, so several servers in one process
// have registries of their own, or one with prometheus.WrapRegistererWith.
//
// What counts is counted as it happens, with atomic operations. What is (the
// sessions, the ports) is looked at when it is collected. No label holds what a
// client has chosen: unknown verbs are "other".
package metrics
