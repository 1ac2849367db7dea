package cloud_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Whoever embeds the server without object storage links no client of a store,
// and whoever names package object links none but his own.
func TestOthersLinkNoStore(t *testing.T) {
	t.Parallel()
	const module = "github.com/portico-ftp/portico/"
	clients := []string{"github.com/aws/", "github.com/Azure/", "cloud.google.com/"}
	for _, test := range []struct {
		packages []string
		banned   []string
	}{
		{[]string{"server/...", "driver", "driver/quota", "portalloc/...", "config"}, append([]string{"gocloud.dev/", "google.golang.org/grpc", "google.golang.org/api"}, clients...)},
		{[]string{"driver/object"}, clients},
	} {
		args := []string{"list", "-deps"}
		for _, name := range test.packages {
			args = append(args, module+name)
		}
		out, err := exec.Command("go", args...).Output()
		must(t, err)
		linked := strings.Fields(string(out))
		if len(linked) < 50 {
			t.Fatalf("%v link %d packages only: this test looks at nothing", test.packages, len(linked))
		}
		for _, name := range linked {
			for _, prefix := range test.banned {
				if strings.HasPrefix(name, prefix) {
					t.Errorf("%v link %s", test.packages, name)
				}
			}
		}
	}
}
