package firewall_test

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files in testdata")
	flag.Parse()
	os.Exit(m.Run())
}
