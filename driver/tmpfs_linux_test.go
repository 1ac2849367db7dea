package driver_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"golang.org/x/sys/unix"

	"github.com/portico-ftp/portico/driver"
)

// TestUploadsOnAFullDisk uses a disk of its own, of 64 KiB.
func TestUploadsOnAFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("portico-test", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	root, err := os.OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) }) // before the unmount
	local := driver.NewLocal(root)
	fs := session(local, "alice")

	upload(t, fs, "/file", stor, 0, "old content", false)
	block := strings.Repeat("x", 16<<10)
	for _, flags := range []int{stor, stor, appe} {
		handle := begin(t, fs, "/file", flags, 0, "")
		var failed error
		for range 5 {
			if _, failed = handle.Write([]byte(block)); failed != nil {
				break
			}
		}
		if !errors.Is(failed, ftpserver.ErrStorageExceeded) {
			t.Errorf("80 KiB on a disk of 64 KiB: %v, want ErrStorageExceeded", failed)
		}
		handle.(ftpserver.FileTransferError).TransferError(failed)
		must(t, handle.Close())
		if got := hidden(t, local, "/"); got != 0 {
			t.Errorf("%d hidden files fill the disk", got)
		}
		if got := contentOf(fs, "/file"); !strings.HasPrefix(got, "old content") || flags == stor && len(got) != 11 {
			t.Errorf("the file holds %d bytes", len(got))
		}
	}
	must(t, fs.Remove("/file"))
	upload(t, fs, "/file", stor, 0, block, false)
}
