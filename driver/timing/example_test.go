package timing_test

import (
	"fmt"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver/timing"
)

func ExampleLayer() {
	storage := timing.Layer(afero.NewMemMapFs(), func(op timing.Operation, _ time.Duration, err error) { fmt.Println(op, err) })
	storage.Mkdir("/in", 0o755)
	storage.Stat("/in")
	// Output:
	// mkdir <nil>
	// stat <nil>
}
