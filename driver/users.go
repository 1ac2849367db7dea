package driver

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-crypt/crypt/algorithm"
)

// User is one entry of a list of users.
type User struct {
	// Name is what the client sends with USER. Required.
	Name string
	// PasswordHash is an argon2id, bcrypt or SHA-crypt hash, see CheckHash.
	// Required, unless Anonymous is set, where it must be empty.
	PasswordHash string
	// Anonymous accepts every password, and answers to the names "anonymous"
	// and "ftp" too (RFC 1635) unless another user has them. At most one user
	// may be anonymous.
	Anonymous bool
	// CertificateName, if not empty, lets a client in without a password that
	// has a verified certificate with this common name, DNS name or e-mail
	// address.
	CertificateName string
	// Operator: see Account.
	Operator bool
	// RefusedCommands are the verbs, in upper case, that the user may not use.
	RefusedCommands []string
	// Home is the directory that the user sees as "/": short for Storage.Dir,
	// one of which is required unless Storage is something else. It may hold %u
	// for the user's name, and must exist unless Storage.Create is set.
	Home string
	// Storage says more about what the user sees as "/".
	Storage Storage
	// Permissions is what the user may do there. Required.
	Permissions Permissions
	// Uploads is how uploads become files. Zero: when they are complete.
	Uploads UploadOptions
	// Mounts are what the user sees beside the home, see NewMounts.
	Mounts []UserMount
}

// UsersOptions configures Users. The zero value is right for most.
type UsersOptions struct {
	// Remember is how long a password that was right needs no hashing again.
	// Zero: 1 min. Negative: it always does.
	Remember time.Duration
	// Hashings is the largest number of password hashes computed at one time.
	// Zero or less: the number of CPUs that this process may use.
	Hashings int
	// Layer puts a layer of your own between each storage and its uploads. Nil:
	// there is none.
	Layer LayerFunc
}

const defaultRemember = time.Minute

// Users authenticates against a fixed list. It is safe for concurrent use and
// needs no closing.
type Users struct {
	byName    map[string]*user
	anonymous *user
	decoys    []algorithm.Digest
	verifier  *verifier
	layer     LayerFunc
}

// user is a User that was found valid.
type user struct {
	name   string
	hash   algorithm.Digest // nil if any password will do
	places []*place         // the home first

	certificateName string
	refusedCommands []string
	operator        bool
}

// NewUsers checks the list and copies it. The error joins all faults; each
// names its user.
func NewUsers(users []User, opts UsersOptions) (*Users, error) {
	if opts.Remember == 0 {
		opts.Remember = defaultRemember
	}
	if opts.Hashings <= 0 {
		opts.Hashings = runtime.GOMAXPROCS(0)
	}
	u := &Users{
		byName:   make(map[string]*user, len(users)),
		verifier: newVerifier(opts.Remember, opts.Hashings),
		layer:    opts.Layer,
	}
	var faults []error
	for i, entry := range users {
		for _, fault := range u.add(entry) {
			faults = append(faults, fmt.Errorf("driver: user %s: %w", label(i, entry), fault))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return u, nil
}

func label(index int, entry User) string {
	if entry.Name == "" {
		return fmt.Sprintf("number %d", index+1)
	}
	return fmt.Sprintf("%q", entry.Name)
}

// add returns all that is wrong with an entry.
func (u *Users) add(entry User) (faults []error) {
	added := &user{
		name: entry.Name, certificateName: entry.CertificateName,
		refusedCommands: slices.Clone(entry.RefusedCommands), operator: entry.Operator,
	}
	check := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	check(u.checkName(entry.Name))
	faults = append(faults, added.addPlaces(entry)...)
	if entry.Anonymous {
		check(u.checkAnonymous(entry))
		u.anonymous = added
	} else {
		digest, err := parseUserHash(entry.PasswordHash)
		check(err)
		added.hash = digest
		u.decoys = append(u.decoys, digest)
	}
	u.byName[entry.Name] = added
	return faults
}

func (u *Users) checkName(name string) error {
	_, taken := u.byName[name]
	switch {
	case name == "":
		return errors.New("the name is empty: give it one")
	case taken:
		return errors.New("the name is taken by an earlier user: use each name once")
	case breaksLines(name):
		return errors.New("the name holds CR, LF or NUL, which no client can send: leave them out")
	}
	return nil
}

func (u *Users) checkAnonymous(entry User) error {
	if u.anonymous != nil {
		return fmt.Errorf("%q is anonymous already: keep one of the two", u.anonymous.name)
	}
	if entry.PasswordHash != "" {
		return errors.New("an anonymous user takes any password: remove the password hash, or make the user not anonymous")
	}
	return nil
}

func parseUserHash(hash string) (algorithm.Digest, error) {
	if hash == "" {
		return nil, errors.New("the password hash is missing: set one, made with portico passwd or HashPassword")
	}
	digest, err := parseHash(hash)
	if err != nil {
		return nil, fmt.Errorf("password hash: %w", err)
	}
	return digest, nil
}

// Authenticate returns the account that the attempt opens. ErrDenied means a
// name or password that is wrong; which one takes no longer to find than the
// other. Every other error means that the account cannot be used now, because
// its home is gone or ctx is done.
func (u *Users) Authenticate(ctx context.Context, attempt Attempt) (*Account, error) {
	user := u.find(attempt.User)
	ok, wrong, err := false, WrongPassword, error(nil)
	if attempt.ByCertificate {
		ok, wrong = user != nil && user.hasCertificate(attempt.TLS), WrongCertificate
	} else {
		ok, err = u.passwordOpens(ctx, user, attempt)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("driver: check the password of user %q: %w", attempt.User, err)
	case user == nil:
		return nil, UnknownUser
	case !ok:
		return nil, wrong
	}
	fs, err := user.tree(u.layer)
	if err != nil {
		return nil, fmt.Errorf("driver: user %q: %w", user.name, err)
	}
	return &Account{
		Name: user.name, FS: fs,
		RefusedCommands: user.refusedCommands, Operator: user.operator,
	}, nil
}

// hasCertificate says whether the client has shown the user's certificate.
func (user *user) hasCertificate(state *tls.ConnectionState) bool {
	if user.certificateName == "" || state == nil || len(state.VerifiedChains) == 0 {
		return false
	}
	shown := state.VerifiedChains[0][0]
	names := append([]string{shown.Subject.CommonName}, shown.DNSNames...)
	return slices.Contains(append(names, shown.EmailAddresses...), user.certificateName)
}

// find returns nil for a name that nobody has.
func (u *Users) find(name string) *user {
	if found, ok := u.byName[name]; ok {
		return found
	}
	if slices.Contains([]string{"anonymous", "ftp"}, strings.ToLower(name)) {
		return u.anonymous
	}
	return nil
}

func (u *Users) passwordOpens(ctx context.Context, user *user, attempt Attempt) (bool, error) {
	switch {
	case user != nil && user.hash == nil:
		return true, nil
	case len(attempt.Password) > maxPassword:
		return false, nil
	case user != nil:
		return u.verifier.verify(ctx, attempt.User, attempt.Password, user.hash.Match)
	case len(u.decoys) > 0:
		return u.verifier.verify(ctx, attempt.User, attempt.Password, u.decoy(attempt.User))
	default:
		return false, nil
	}
}

// decoy costs what the hash of some user costs and accepts nothing. The same
// name always meets the same one, so that an unknown name behaves like a known
// name even where users have hashes of different kinds.
func (u *Users) decoy(name string) func(password string) bool {
	pick := u.verifier.digest(name, "")
	hash := u.decoys[binary.BigEndian.Uint64(pick[:8])%uint64(len(u.decoys))]
	return func(password string) bool {
		hash.Match(password)
		return false
	}
}
