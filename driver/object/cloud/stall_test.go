package cloud_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver/object"
	"github.com/portico-ftp/portico/driver/object/cloud"
)

// A store that takes the connection and never answers must not keep a transfer
// for good.
func TestSilentStoresEndTransfers(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead && r.URL.Path == "/b/there":
			w.Header().Set("Content-Length", "1000000")
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Query().Has("list-type"):
			_, _ = w.Write([]byte(`<ListBucketResult><Name>b</Name></ListBucketResult>`)) // the client reports what is lost
		default:
			<-ended
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	fs := openOn(t, "s3://b?region=us-east-1&use_path_style=true&endpoint="+server.URL, cloud.Options{
		Options:   object.Options{Stall: 50 * time.Millisecond},
		AccessKey: "a", SecretKey: "s",
	})
	for name, size := range map[string]int{"/small": 1000, "/large": 40 << 20} {
		if err := afero.WriteFile(fs, name, bytes.Repeat([]byte("x"), size), 0); err == nil || !strings.Contains(err.Error(), "not answered") {
			t.Errorf("the upload of %s: %v, want it to say that the store is silent", name, err)
		}
	}
	if got, err := afero.ReadFile(fs, "/there"); err == nil || !strings.Contains(err.Error(), "not answered") {
		t.Errorf("the download brought %d bytes, %v", len(got), err)
	}
}
