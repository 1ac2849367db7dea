package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	temporarySuffix = ".tmp"
	badSuffix       = ".bad"
)

// spool is a directory of deliveries that wait, one file for each. Files are
// named by number and id, so that their names sort by age. A file appears
// under its name when it is complete.
type spool struct {
	dir   string
	limit int           // how many may wait
	ready chan struct{} // holds a token after a delivery was added

	putting sync.RWMutex // held to be written by adopt, to be read by put

	mu      sync.Mutex // guards what follows
	next    uint64     // number of the next delivery
	waiting []string   // names of files, oldest first
	// own are the names of all files that this spool has made, while another one
	// makes files beside them. Nil: none does.
	own map[string]struct{}
}

// openSpool makes the directory if it is missing, and finds the deliveries of
// earlier runs in it. Files of other names are left alone. While the directory is
// shared with another spool, they are left for adopt.
func openSpool(dir string, limit int, shared bool) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &spool{dir: dir, limit: limit, next: 1, ready: make(chan struct{}, 1)}
	if shared {
		s.own = make(map[string]struct{})
		return s, s.count()
	}
	return s, s.findAll()
}

// count sets the number of the next delivery behind those there are.
func (s *spool) count() error {
	entries, err := os.ReadDir(s.dir)
	for _, entry := range entries {
		if number, _, ours := parseSpoolName(entry.Name()); ours {
			s.next = max(s.next, number+1)
		}
	}
	return err
}

func (s *spool) findAll() error {
	entries, err := os.ReadDir(s.dir) // sorted by name
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := s.find(entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

// adopt takes in what the other spool has left, which is no longer used.
func (s *spool) adopt() error {
	s.putting.Lock() // a file that is being written is not left
	defer s.putting.Unlock()
	s.mu.Lock()
	shared := s.own != nil
	s.mu.Unlock()
	if !shared {
		return nil
	}
	if err := s.findAll(); err != nil {
		return err
	}
	s.mu.Lock()
	s.own = nil
	s.mu.Unlock()
	s.signal()
	return nil
}

// find takes in a file of an earlier run, or removes it where that run has not
// got to the end of writing it.
func (s *spool) find(name string) error {
	if complete, isTemporary := strings.CutSuffix(name, temporarySuffix); isTemporary {
		if _, _, ours := parseSpoolName(complete); !ours {
			return nil
		}
		if err := os.Remove(s.path(name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if number, _, ours := parseSpoolName(name); ours {
		s.mu.Lock()
		_, own := s.own[name]
		s.next = max(s.next, number+1)
		s.mu.Unlock()
		if !own { // it waits already, or is being posted
			s.enlist(name)
		}
	}
	return nil
}

// put adds a delivery. When it returns, the file is in place. Deliveries that
// are put by one goroutine keep their order.
func (s *spool) put(id string, body []byte) error {
	s.putting.RLock()
	defer s.putting.RUnlock()
	name := s.newName(id)
	temporary := s.path(name + temporarySuffix)
	if err := os.WriteFile(temporary, body, 0o600); err != nil {
		os.Remove(temporary)
		return err
	}
	if err := os.Rename(temporary, s.path(name)); err != nil {
		os.Remove(temporary)
		return err
	}
	s.enlist(name)
	s.signal()
	return nil
}

func (s *spool) signal() {
	select {
	case s.ready <- struct{}{}:
	default: // a token is there already
	}
}

func (s *spool) newName(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := spoolName(s.next, id)
	s.next++
	if s.own != nil {
		s.own[name] = struct{}{}
	}
	return name
}

// enlist puts a name in its place: goroutines that write side by side may get
// here in another order than they got their names.
func (s *spool) enlist(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearch(s.waiting, name)
	s.waiting = slices.Insert(s.waiting, i, name)
}

// take hands out the oldest delivery that waits. It is the caller's to finish
// with remove, setAside or giveBack.
func (s *spool) take() (name string, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return "", false
	}
	name = s.waiting[0]
	s.waiting = s.waiting[1:]
	return name, true
}

// giveBack has a delivery that was taken wait again, in its old place.
func (s *spool) giveBack(name string) { s.enlist(name) }

// trim removes the oldest deliveries that are too many, and says how many they
// were. The file of one that was taken is safe.
func (s *spool) trim() (removed int, err error) {
	s.mu.Lock()
	excess := slices.Clone(s.waiting[:max(0, len(s.waiting)-s.limit)])
	s.waiting = s.waiting[len(excess):]
	s.mu.Unlock()
	var faults []error
	for _, name := range excess {
		faults = append(faults, s.remove(name))
	}
	return len(excess), errors.Join(faults...)
}

// len is how many deliveries wait.
func (s *spool) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

func (s *spool) read(name string) ([]byte, error) { return os.ReadFile(s.path(name)) }

func (s *spool) remove(name string) error { return os.Remove(s.path(name)) }

// setAside renames a file that cannot be delivered, so that somebody can look
// at it.
func (s *spool) setAside(name string) error {
	return os.Rename(s.path(name), s.path(name+badSuffix))
}

func (s *spool) path(name string) string { return filepath.Join(s.dir, name) }

func spoolName(number uint64, id string) string {
	return fmt.Sprintf("%020d-%s.json", number, id)
}

// parseSpoolName takes apart what spoolName has made. The id of a name that is
// ours is safe to be sent in a header.
func parseSpoolName(name string) (number uint64, id string, ours bool) {
	stem, isDelivery := strings.CutSuffix(name, ".json")
	digits, id, hasID := strings.Cut(stem, "-")
	if !isDelivery || !hasID || len(digits) != 20 || !isID(id) {
		return 0, "", false
	}
	number, err := strconv.ParseUint(digits, 10, 63)
	return number, id, err == nil
}
