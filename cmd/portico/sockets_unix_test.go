//go:build unix

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestSocketOfAnAcceptingUnitIsRefused(t *testing.T) {
	t.Parallel()
	file, _ := openSocket(t, "127.0.0.1:0")
	defer file.Close()
	descriptor, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeSockets([]*os.File{os.NewFile(uintptr(descriptor), acceptedName)}); err == nil || !strings.Contains(err.Error(), "Accept=no") {
		t.Errorf("got %v, want Accept=no to be named", err)
	}
}
