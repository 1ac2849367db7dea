package quota_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver/quota"
)

func ExampleStore_Layer() {
	dir, err := os.MkdirTemp("", "portico")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := quota.Open(filepath.Join(dir, "quota.db"), quota.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	files, err := store.Layer(context.Background(), "alice", quota.Limits{Bytes: 10}, afero.NewMemMapFs())
	if err != nil {
		log.Fatal(err)
	}
	first := afero.WriteFile(files, "/small", []byte("12345678"), 0o600)
	second := afero.WriteFile(files, "/large", []byte("12345678"), 0o600)
	fmt.Println(errors.Join(first), second != nil)
	// Output: <nil> true
}
