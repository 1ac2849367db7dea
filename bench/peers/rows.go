//go:build linux

package main

import (
	"context"
	"fmt"
)

// kind is what a row measures; a server may lack it.
type kind string

const (
	downloadPlain kind = "download"
	downloadTLS   kind = "download-tls"
	uploadPlain   kind = "upload"
	uploadTLS     kind = "upload-tls"
	smallRetr     kind = "small-retr"
	smallStor     kind = "small-stor"
	logins        kind = "logins"
	churn         kind = "churn"
	list          kind = "list"
	mlsd          kind = "mlsd"
	idle          kind = "idle"
	exhaustion    kind = "exhaustion"
)

// metric is a figure of a row.
type metric struct {
	name   string
	more   bool // more is better
	format func(float64) string
}

// sample has one value for each metric of its row.
type sample struct {
	values []float64
	note   string // what else the reader must know, if anything
}

// row is what is measured of each server.
type row struct {
	name    string // for -only
	title   string
	kind    kind
	metrics []metric
	// alone rows start a server of their own, with so many passive ports, for so
	// many sessions (0: it is about having few ports).
	alone, sessions int
	// once is for rows that take long and scatter little.
	once    bool
	prepare func(*lab) error
	measure func(context.Context, *lab, *server, options) (sample, error)
}

const (
	passivePorts = 100
	mostSessions = 100 // of rows that share a server
)

var (
	gibRate   = metric{"GiB/s", true, func(v float64) string { return fmt.Sprintf("%.2f", v/(1<<30)) }}
	gibCPU    = metric{"server CPU, s/GiB", false, func(v float64) string { return fmt.Sprintf("%.3f", v) }}
	opRate    = metric{"per second", true, func(v float64) string { return fmt.Sprintf("%.0f", v) }}
	opCPU     = metric{"server CPU, µs each", false, func(v float64) string { return fmt.Sprintf("%.0f", v*1e6) }}
	entryRate = metric{"entries per second", true, func(v float64) string { return fmt.Sprintf("%.0f", v) }}
	entryCPU  = metric{"server CPU, µs an entry", false, func(v float64) string { return fmt.Sprintf("%.2f", v*1e6) }}
	p50       = metric{"p50, ms", false, func(v float64) string { return fmt.Sprintf("%.2f", v*1e3) }}
	p99       = metric{"p99, ms", false, func(v float64) string { return fmt.Sprintf("%.2f", v*1e3) }}
	perIdle   = metric{"KiB a session", false, func(v float64) string { return fmt.Sprintf("%.1f", v/1024) }}
	wholePSS  = metric{"MiB in all", false, func(v float64) string { return fmt.Sprintf("%.0f", v/(1<<20)) }}
	failed    = metric{"failed PASV, %", false, func(v float64) string { return fmt.Sprintf("%.1f", v*100) }}
)

// rows are all rows, in the order of the table, for a machine whose processes may
// have so many open files.
func rows(files int) []row {
	var all []row
	for _, r := range [][]row{streamRows(), smallRows(), sessionRows(), listingRows(), idleRows(files), exhaustionRows()} {
		all = append(all, r...)
	}
	return all
}
