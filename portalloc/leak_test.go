package portalloc

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when a goroutine of the package outlives the tests: inside a
// synctest bubble that is an error by itself, outside nobody else would notice.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftGoroutines(); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines are left after the tests:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leftGoroutines returns the stacks of goroutines of this package, after it has
// given those that are just ending a moment.
func leftGoroutines() string {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := ownGoroutines()
		if left == "" || time.Now().After(deadline) {
			return left
		}
	}
}

func ownGoroutines() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var own []string
	for _, stack := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(stack, "/portalloc.") && !strings.Contains(stack, "portalloc.TestMain") {
			own = append(own, stack)
		}
	}
	return strings.Join(own, "\n\n")
}
