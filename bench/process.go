//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor times in /proc. The kernel shows user space
// 100 ticks a second whatever its own clock does.
const tick = time.Second / 100

// processorTime is what all threads of the process have used so far, in user
// space and in the kernel, proc(5).
func (s *server) processorTime() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name, which may hold anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3 // numbered from 1 there, the third is our first
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/%d/stat is cut short", s.cmd.Process.Pid)
	}
	var ticks int64
	for _, field := range [][]byte{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// residentMemory is VmRSS in bytes, what the process has in memory now.
func (s *server) residentMemory() (int64, error) { return s.status("VmRSS:") }

// peakMemory is VmHWM in bytes, the most that it ever had there.
func (s *server) peakMemory() (int64, error) { return s.status("VmHWM:") }

func (s *server) status(field string) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), field); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", s.cmd.Process.Pid, field)
}
