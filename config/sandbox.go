package config

import "github.com/portico-ftp/portico/portalloc"

// SandboxAllow is what a sandbox leaves open for programs that the server
// starts, and for what a later configuration will need.
type SandboxAllow struct {
	// Read are files and directories to read.
	Read []Path `mapstructure:"read"`
	// Write are files and directories to read and write.
	Write []Path `mapstructure:"write"`
	// Execute are programs to start, and directories of such.
	Execute []Path `mapstructure:"execute"`
	// Bind are TCP ports to listen on: those that a later configuration will
	// have.
	Bind portalloc.PortList `mapstructure:"bind"`
	// Connect are TCP ports to connect to.
	Connect portalloc.PortList `mapstructure:"connect"`
}
