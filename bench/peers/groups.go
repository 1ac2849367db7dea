//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// groups are control groups (cgroup v2), one for each server. A group counts the
// processor time of all processes that were ever in it, those of forking servers
// that have ended too, to the microsecond.
type groups struct{ dir string }

// newGroups needs root and a mounted hierarchy of version 2.
func newGroups() (*groups, error) {
	mount, err := unifiedMount("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(mount, "portico-peers-")
	if err != nil {
		return nil, fmt.Errorf("make a control group for the servers: %w: run this as root", err)
	}
	return &groups{dir}, nil
}

// unifiedMount is where the hierarchy of version 2 is mounted, see
// proc_pid_mountinfo(5).
func unifiedMount(mountInfo string) (string, error) {
	f, err := os.Open(mountInfo)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		if fields := strings.Fields(before); len(fields) > 4 && strings.HasPrefix(after, "cgroup2 ") {
			return fields[4], nil
		}
	}
	return "", errors.New("no control groups of version 2 are mounted: mount -t cgroup2 none DIR")
}

func (g *groups) close() error { return os.Remove(g.dir) }

// group is one server's.
type group struct{ dir string }

func (g *groups) make(name string) (group, error) {
	dir, err := os.MkdirTemp(g.dir, name+"-")
	return group{dir}, err
}

// usage is what all its processes have used so far, in user space and kernel.
func (g group) usage() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	return parseUsage(string(text))
}

func parseUsage(stat string) (time.Duration, error) {
	for line := range strings.Lines(stat) {
		if value, found := strings.CutPrefix(line, "usage_usec "); found {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Duration(n) * time.Microsecond, err
		}
	}
	return 0, errors.New("cpu.stat has no usage_usec")
}

// memory is the proportional set size of its processes in bytes: what several
// share is counted once. What the kernel keeps for them is not counted.
func (g group) memory() (int64, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		return 0, err
	}
	var total int64
	for _, pid := range strings.Fields(string(text)) {
		rollup, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return 0, err
		}
		n, err := parsePSS(string(rollup))
		if err != nil {
			return 0, fmt.Errorf("process %s: %w", pid, err)
		}
		total += n
	}
	return total, nil
}

func parsePSS(rollup string) (int64, error) {
	for line := range strings.Lines(rollup) {
		if value, found := strings.CutPrefix(line, "Pss:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("smaps_rollup has no Pss")
}

// kill ends whatever is left in the group and removes it.
func (g group) kill() error {
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := os.Remove(g.dir)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}
