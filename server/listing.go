package server

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"

	"github.com/portico-ftp/portico/driver"
)

// listing is a LIST, NLST or MLSD. To a transfer it is a file to download: so
// it is copied in large blocks and not entry by entry.
type listing struct {
	verb    string
	dir     string // absolute path of what is listed, its last element a pattern if so
	shown   string // how NLST shows the directory in front of names
	options listOptions
	facts   facts
	now     time.Time
}

// listOptions are the flags of ls(1) that clients send. Recursion is accepted
// and not done, as in other servers' defaults: it lets one command read a
// whole disk.
type listOptions struct {
	all, long, namesOnly bool // -a, -l, -1
	byTime, bySize       bool // -t, -S
	reverse              bool // -r
	itself               bool // -d
}

// parseListing separates flags from the path. What starts with "-" is never
// the path, unless it stands behind "--".
func parseListing(arg string) (o listOptions, target string) {
	rest := strings.TrimLeft(arg, " ")
	for strings.HasPrefix(rest, "-") {
		flags, after, _ := strings.Cut(rest, " ")
		rest = strings.TrimLeft(after, " ")
		if flags == "--" {
			break
		}
		for _, flag := range flags[1:] {
			switch flag {
			case 'a', 'A':
				o.all = true
			case 'l':
				o.long = true
			case '1':
				o.namesOnly = true
			case 't':
				o.byTime = true
			case 'S':
				o.bySize = true
			case 'r':
				o.reverse = true
			case 'd':
				o.itself = true
			}
		}
	}
	return o, rest
}

// newListing settles what a command lists.
func (s *session) newListing(cmd command) *listing {
	l := &listing{verb: cmd.verb, facts: s.facts, now: time.Now()}
	target := cmd.arg
	if cmd.verb != "MLSD" {
		l.options, target = parseListing(cmd.arg)
		switch { // ls -1 lists names, and nlst -l lists details
		case cmd.verb == "LIST" && l.options.namesOnly && !l.options.long:
			l.verb = "NLST"
		case cmd.verb == "NLST" && l.options.long:
			l.verb = "LIST"
		}
	}
	l.dir, l.shown = s.abs(target), target
	return l
}

// open reads the entries and returns the listing as a file.
func (l *listing) open(fs *driver.FS) (ftpserver.FileTransfer, error) {
	entries, err := l.entries(fs)
	if err != nil {
		return nil, l.refusal(err)
	}
	l.sort(entries)
	return &listingFile{listing: l, entries: entries}, nil
}

// refusal: a listing that is not there is 450 for LIST and NLST (RFC 959
// §5.4), 550 for MLSD (RFC 3659 §7.2.1).
func (l *listing) refusal(err error) error {
	code := 450
	if l.verb == "MLSD" {
		code = 550
	}
	if errors.Is(err, errNotListable) {
		return refuse(501, "Is not a directory.", err)
	}
	return refuse(code, explain(code, err.Error()), err)
}

var errNotListable = errors.New("server: MLSD lists directories only")

func (l *listing) entries(fs *driver.FS) ([]os.FileInfo, error) {
	info, err := fs.Stat(l.dir)
	switch {
	case err != nil && errors.Is(err, os.ErrNotExist) && l.verb != "MLSD" && isPattern(path.Base(l.dir)):
		return l.matches(fs)
	case err != nil:
		return nil, err
	case info.IsDir() && !l.options.itself:
		entries, err := l.read(fs, l.dir)
		return l.visible(entries), err
	case l.verb == "MLSD":
		return nil, errNotListable
	}
	l.shown = path.Dir(l.shown)
	return []os.FileInfo{info}, nil
}

// read looks at the entries only if more than their names is wanted.
func (l *listing) read(fs *driver.FS, dir string) ([]os.FileInfo, error) {
	if l.verb == "NLST" && !l.options.byTime && !l.options.bySize {
		return fs.ReadNames(dir)
	}
	return fs.ReadDir(dir)
}

// matches lists the entries that fit the pattern in the path's last element.
func (l *listing) matches(fs *driver.FS) ([]os.FileInfo, error) {
	pattern := path.Base(l.dir)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	entries, err := l.read(fs, path.Dir(l.dir))
	if err != nil {
		return nil, err
	}
	l.shown = path.Dir(l.shown)
	l.options.all = l.options.all || strings.HasPrefix(pattern, ".")
	return slices.DeleteFunc(l.visible(entries), func(info os.FileInfo) bool {
		fits, _ := path.Match(pattern, info.Name())
		return !fits
	}), nil
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

// visible leaves out hidden entries, which MLSD always shows.
func (l *listing) visible(entries []os.FileInfo) []os.FileInfo {
	if l.options.all || l.verb == "MLSD" {
		return entries
	}
	return slices.DeleteFunc(entries, func(info os.FileInfo) bool { return strings.HasPrefix(info.Name(), ".") })
}

// sort: entries come sorted by name.
func (l *listing) sort(entries []os.FileInfo) {
	switch {
	case l.options.byTime:
		slices.SortStableFunc(entries, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	case l.options.bySize:
		slices.SortStableFunc(entries, func(a, b os.FileInfo) int { return cmp.Compare(b.Size(), a.Size()) })
	}
	if l.options.reverse {
		slices.Reverse(entries)
	}
}

// appendEntry appends the line of one entry.
func (l *listing) appendEntry(dst []byte, info os.FileInfo) []byte {
	switch l.verb {
	case "MLSD":
		dst = l.facts.append(dst, info)
		dst = append(append(dst, ' '), info.Name()...)
	case "NLST":
		if l.shown != "" && l.shown != "." {
			dst = append(dst, l.shown...)
			if !strings.HasSuffix(l.shown, "/") {
				dst = append(dst, '/')
			}
		}
		dst = append(dst, info.Name()...)
	default:
		dst = appendLong(dst, info, l.now)
	}
	return append(dst, '\r', '\n')
}

// listingFile is a listing as a transfer sends it.
type listingFile struct {
	listing *listing
	entries []os.FileInfo
	line    []byte // of an entry
	rest    []byte // of line, which did not fit
}

// Read fills p. An entry that does not fit goes on in the next call.
func (f *listingFile) Read(p []byte) (n int, err error) {
	for n < len(p) && len(f.rest)+len(f.entries) > 0 {
		if len(f.rest) == 0 { // appended to p, one that does not fit would copy all of p
			f.line = f.listing.appendEntry(f.line[:0], f.entries[0])
			f.rest, f.entries = f.line, f.entries[1:]
		}
		copied := copy(p[n:], f.rest)
		f.rest = f.rest[copied:]
		n += copied
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write is never called: a listing is only downloaded.
func (f *listingFile) Write([]byte) (int, error) { return 0, os.ErrInvalid }

// Seek is never called: REST does not apply to listings.
func (f *listingFile) Seek(int64, int) (int64, error) { return 0, os.ErrInvalid }

// Close implements io.Closer.
func (f *listingFile) Close() error { return nil }
