// Package config reads the configuration of a Portico server: a YAML, TOML or
// JSON file, PORTICO_… environment variables and command-line flags, in rising
// order of precedence, above the values of Default.
//
//	cfg, err := config.Load(config.LoadOptions{
//		File:    "portico.yaml",
//		Environ: os.Environ(),
//	})
//	if err != nil {
//		fmt.Fprintln(os.Stderr, err) // every fault, one on each line
//		os.Exit(1)
//	}
//	fmt.Println(cfg.Passive.Ports)
//
// Every key has an environment variable: its path in upper case with "_" for
// ".", after "PORTICO_"; passive.accept_timeout is
// PORTICO_PASSIVE_ACCEPT_TIMEOUT. A list is written as YAML or JSON there, a
// list of plain values also with commas. An empty variable counts as not set.
//
// Nothing unknown is ignored: a misspelt key or variable is a fault, as a
// wrong value is, and all faults are reported together (see Fault).
//
// The package opens no sockets, reads no certificates and checks no password
// hashes; that is up to the program that uses the configuration.
package config
