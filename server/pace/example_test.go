package pace_test

import (
	"fmt"
	"time"

	"github.com/portico-ftp/portico/server/pace"
)

// Two attempts in a minute are allowed, to each by himself.
func ExampleNewAttempts() {
	logins := pace.NewAttempts[string](2)
	now := time.Now()
	for _, who := range []string{"203.0.113.1", "203.0.113.1", "203.0.113.1", "203.0.113.2"} {
		fmt.Println(who, logins.Take(now, who))
	}
	// Output:
	// 203.0.113.1 true
	// 203.0.113.1 true
	// 203.0.113.1 false
	// 203.0.113.2 true
}
