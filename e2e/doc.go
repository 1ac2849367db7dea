// Package e2e tests the built portico binary from outside: it starts it as an
// unprivileged user, as operators do, and drives it with the clients that
// people use. It holds tests alone and knows nothing of the server's inside.
//
// A client program that is not installed skips its tests and says so; with
// CI=true in the environment it fails them. E2E_RACE=1 builds the
// server with the race detector.
package e2e
