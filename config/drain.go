package config

import "time"

// Drain settles how the server stops after it was told to (SIGTERM, SIGINT).
type Drain struct {
	// Delay is how long new clients are still accepted while /readyz says no
	// already, so that load balancers can take the server out. Zero: not at all.
	Delay time.Duration `mapstructure:"delay"`
	// Timeout is how long transfers may go on after that. Sessions in the middle
	// of something may begin new ones for half of it. Zero: not at all.
	Timeout time.Duration `mapstructure:"timeout"`
}

func (v *validation) checkDrain() {
	v.notNegative("drain.delay", v.Drain.Delay, "no waiting")
	v.notNegative("drain.timeout", v.Drain.Timeout, "no waiting")
}
