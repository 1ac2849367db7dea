package metrics

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-ftp/portico/server"
)

// commandCounts counts commands by verb and reply code. Every command of every
// client passes here, so it costs a look into a map that never changes and one
// atomic operation.
type commandCounts struct {
	verbs  []string
	index  map[string]int
	counts []atomic.Uint64 // codes of the first verb, of the second, …
}

const (
	otherVerb = "other" // the last verb
	noCode    = 0       // place of what had no reply; that of 100 is 1
	codes     = 501     // 100 to 599
)

func newCommandCounts() commandCounts {
	c := commandCounts{verbs: append(server.Verbs(), otherVerb), index: make(map[string]int)}
	for i, verb := range c.verbs {
		c.index[verb] = i
	}
	c.counts = make([]atomic.Uint64, len(c.verbs)*codes)
	return c
}

func (c *commandCounts) add(verb string, code int) {
	row, known := c.index[verb]
	if !known {
		row = len(c.verbs) - 1
	}
	column := noCode
	if code >= 100 && code <= 599 {
		column = code - 99
	}
	c.counts[row*codes+column].Add(1)
}

func (c *commandCounts) collect(desc *prometheus.Desc, out chan<- prometheus.Metric) {
	for i := range c.counts {
		count := c.counts[i].Load()
		if count == 0 {
			continue
		}
		code := "none"
		if i%codes != noCode {
			code = strconv.Itoa(i%codes + 99)
		}
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(count), c.verbs[i/codes], code)
	}
}
