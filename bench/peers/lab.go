//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-crypt/crypt/algorithm/shacrypt"

	"github.com/portico-ftp/portico/bench/provide"
)

// The one user of all servers. The number belongs to nobody on usual machines.
const (
	userName = "portico-bench"
	userID   = 42121
)

// The files that are transferred.
const (
	smallFile = "small.bin"
	smallSize = 1 << 10
	largeFile = "large.bin"
	largeSize = 1 << 30
	halfFile  = "half.bin"
	halfSize  = 512 << 20
	partFile  = "part.bin"
	partSize  = 128 << 20
	shareFile = "share.bin"
	shareSize = 64 << 20
)

// lab is what the servers have in common: a root in memory, a user, a
// certificate, and a folder for their configurations.
type lab struct {
	programs string // folder of configurations and copies of our own programs
	home     string // the user's, on a tmpfs
	peers    string // where install-peers.sh has put them
	portico  string // the program to measure
	self     string // a copy of this program
	password string
	hash     string // of the password, see newHash
	groups   *groups
}

// newLab makes the folders and files that every row needs.
func newLab(portico, peers string) (*lab, error) {
	programs, err := os.MkdirTemp("", "portico-peers-")
	if err != nil {
		return nil, err
	}
	l := &lab{programs: programs, password: rand.Text(), portico: filepath.Join(programs, "portico"), self: filepath.Join(programs, "bench-peers")}
	if err := l.furnish(portico, peers); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) close() error {
	var errs []error
	if l.groups != nil {
		errs = append(errs, l.groups.close())
	}
	if l.home != "" {
		errs = append(errs, os.RemoveAll(l.home))
	}
	return errors.Join(append(errs, os.RemoveAll(l.programs))...)
}

func (l *lab) furnish(portico, peers string) (err error) {
	if l.peers, err = filepath.Abs(peers); err != nil {
		return err
	}
	if l.home, err = os.MkdirTemp("/dev/shm", "portico-peers-"); err != nil {
		return err
	}
	if l.groups, err = newGroups(); err != nil {
		return err
	}
	if l.hash, err = newHash(l.password); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(l.programs, 0o755), os.Chmod(l.home, 0o755), os.Chown(l.home, userID, userID)); err != nil {
		return err
	}
	if err := provide.Program(portico, l.portico); err != nil {
		return fmt.Errorf("the server to measure: %w: build it first (make build)", err)
	}
	return errors.Join(provide.Program(self, l.self), l.writeCertificate(), l.writeAccounts(), l.provide(smallFile, smallSize))
}

// newHash is SHA-256 crypt(3) with its fewest rounds: of the hashes that all
// servers take the one that costs least, so that logins measure the servers. It
// favours those that compute it at each login.
func newHash(password string) (string, error) {
	hasher, err := shacrypt.New(shacrypt.WithVariant(shacrypt.VariantSHA256), shacrypt.WithIterations(1000))
	if err != nil {
		return "", err
	}
	digest, err := hasher.Hash(password)
	if err != nil {
		return "", err
	}
	return digest.Encode(), nil
}

func (l *lab) certificate() string { return filepath.Join(l.programs, "cert.pem") }
func (l *lab) key() string         { return filepath.Join(l.programs, "key.pem") }

// certificateAndKey is a file with both.
func (l *lab) certificateAndKey() string { return filepath.Join(l.programs, "both.pem") }

// writeCertificate makes a certificate on P-256, which is what certificate
// authorities give out by default.
func (l *lab) writeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	for path, content := range map[string][]byte{
		l.certificate(): certificate, l.key(): secret, l.certificateAndKey(): append(certificate, secret...),
	} {
		if err := errors.Join(os.WriteFile(path, content, 0o600), os.Chown(path, userID, userID)); err != nil {
			return err
		}
	}
	return nil
}

// account is one of the files that say who the user is. They take the place of the
// machine's own in the mount namespace of each server that needs them, and nowhere
// else.
func (l *lab) account(name string) string { return filepath.Join(l.programs, "etc", name) }

func (l *lab) writeAccounts() error {
	if err := os.MkdirAll(l.account("pam.d"), 0o755); err != nil {
		return err
	}
	passwd := "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n" +
		fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", userName, userID, userID, l.home)
	group := fmt.Sprintf("root:x:0:\nnogroup:x:65534:\n%s:x:%d:\n", userName, userID)
	shadow := "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n" + userName + ":" + l.hash + ":19000:0:99999:7:::\n"
	return errors.Join(
		os.WriteFile(l.account("passwd"), []byte(passwd), 0o644),
		os.WriteFile(l.account("group"), []byte(group), 0o644),
		os.WriteFile(l.account("shadow"), []byte(shadow), 0o600),
	)
}

// write makes a configuration file and returns its path. Who the file is for may
// read it.
func (l *lab) write(name, content string) (string, error) {
	path := filepath.Join(l.programs, name)
	return path, errors.Join(os.WriteFile(path, []byte(content), 0o640), os.Chown(path, userID, userID))
}

// provide makes a file of the user's where it is missing.
func (l *lab) provide(name string, size int64) error {
	path := filepath.Join(l.home, name)
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		return nil
	}
	return errors.Join(provide.File(path, size), os.Chown(path, userID, userID))
}

// provideEntries makes a directory of empty files where it is missing.
func (l *lab) provideEntries(dir string, n int) error {
	path := filepath.Join(l.home, dir)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for i := range n {
		f, err := os.Create(filepath.Join(path, fmt.Sprintf("file-%06d.txt", i)))
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// clearUploads removes what was uploaded, so that each upload makes a new file.
func (l *lab) clearUploads() error {
	entries, err := os.ReadDir(l.home)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), uploadPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(l.home, e.Name())))
		}
	}
	return err
}

// ports are the control port of a server and its passive range.
type ports struct{ control, first, last int }

func (p ports) address() string { return fmt.Sprintf("127.0.0.1:%d", p.control) }

// portBlocks hands out ports in a row, below those that the kernel gives to
// outgoing connections.
type portBlocks struct{ next int }

func (b *portBlocks) take(passive int) (ports, error) {
	for first := max(b.next, 15_000); first+passive < 32_000; first += passive + 1 {
		if allFree(first, passive+1) {
			b.next = first + passive + 1
			return ports{first, first + 1, first + passive}, nil
		}
	}
	b.next = 0
	return ports{}, fmt.Errorf("no %d free ports in a row between 15000 and 32000", passive+1)
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
