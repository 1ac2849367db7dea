package metrics_test

import (
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/metrics"
)

// Two servers have series of their own in one registry.
func ExampleNew() {
	registry := prometheus.NewRegistry()
	for _, name := range []string{"inside", "outside"} {
		m := metrics.New(metrics.Options{Version: "1.0"})
		var options server.Options // of server.New
		m.HookServer(&options)
		prometheus.WrapRegistererWith(prometheus.Labels{"server": name}, registry).MustRegister(m)
	}
	count, err := testutil.GatherAndCount(registry, "portico_build_info")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(count)
	// Output: 2
}
