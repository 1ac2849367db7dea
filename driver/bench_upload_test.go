package driver_test

import (
	"strings"
	"testing"

	"github.com/portico-ftp/portico/driver"
)

// BenchmarkUpload measures an upload of 1 KiB but for the network, in TMPDIR.
func BenchmarkUpload(b *testing.B) {
	content := strings.Repeat("x", 1024)
	tests := []struct {
		name string
		opts driver.UploadOptions
		file func(i int) string
	}{
		{"direct", driver.UploadOptions{Mode: driver.UploadDirect}, newName},
		{"atomic", driver.UploadOptions{}, newName},
		{"direct, replacing", driver.UploadOptions{Mode: driver.UploadDirect}, oneName},
		{"atomic, replacing", driver.UploadOptions{}, oneName},
		{"atomic and durable", driver.UploadOptions{Durable: true}, newName},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			local, _ := newJail(b)
			fs := sessionWith(local, "alice", tt.opts)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				name := tt.file(i)
				upload(b, fs, name, stor, 0, content, false)
				if name != oneName(0) {
					b.StopTimer()
					must(b, fs.Remove(name))
					b.StartTimer()
				}
			}
		})
	}
}

func oneName(int) string { return "/file" }

func newName(i int) string { return "/new-" + string(rune('a'+i%26)) }
