package driver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net/mail"
	"runtime"
	"slices"
	"time"

	"github.com/go-crypt/crypt/algorithm"
)

// User is one user of a list, or of another Source.
type User struct {
	// Name is what the client sends with USER. Required.
	Name string
	// PasswordHash is a hash of an accepted kind, see CheckHash.
	// Required in a List, unless Anonymous is set, where it must be empty.
	PasswordHash string
	// Anonymous accepts every password, and answers to the names "anonymous"
	// and "ftp" too (RFC 1635) unless another user has them. At most one user
	// may be anonymous.
	Anonymous bool
	// CertificateName, if not empty, lets a client in without a password that
	// has a verified certificate with this common name, DNS name, e-mail
	// address, URI, or whole subject ("CN=alice,O=Example").
	CertificateName string
	// Groups are names of UsersOptions.Groups. What the user does not settle,
	// the first group that does settles. Names that no group has count for
	// nothing, unless the user is in a List.
	Groups []string
	// Access says when the account may be used, and from where.
	Access Access
	// Limits bounds what the account may use.
	Limits Limits
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
	// Quota is how much the user may keep at home. UsersOptions.Layer is told,
	// and has to see to it.
	Quota QuotaLimits
	// Mounts are what the user sees beside the home.
	Mounts []UserMount
}

// UsersOptions configures Users. The zero value is right for most.
type UsersOptions struct {
	// Sources are asked after the list, in this order; the first that knows a
	// name decides.
	Sources []Source
	// Groups are what members have who do not settle it themselves, by the
	// groups' names. Name, PasswordHash, Anonymous, CertificateName and Groups
	// of a group have no meaning.
	Groups map[string]User
	// Defaults is the same for what neither a user nor his groups settle.
	Defaults User
	// Allow is the most that anybody may do, whatever users and groups say.
	// Zero: everything.
	Allow Permissions
	// Remember is how long a password that was right needs no hashing again.
	// Zero: 1 min. Negative: it always does.
	Remember time.Duration
	// Hashings is the largest number of password hashes computed at one time.
	// Zero or less: half the number of CPUs that this process may use, so that
	// sessions go on while somebody guesses passwords.
	Hashings int
	// Previous are those whose place these Users take, if there are any: an
	// account that has stayed the same is taken over with what its sessions
	// share, and with what is in its memory.
	Previous *Users
	// Layer puts a layer of your own between each storage and its uploads. Nil:
	// there is none.
	Layer LayerFunc
}

const defaultRemember = time.Minute

// Users authenticates users of a list and of other sources. It is safe for
// concurrent use and needs no closing.
type Users struct {
	sources  []Source
	accounts *accounts
	decoys   *decoys
	verifier *verifier
	layer    LayerFunc
}

// NewUsers checks the list and copies it. The list may be empty. The error
// joins all faults, those of Lists among the sources too; each names its user.
func NewUsers(users []User, opts UsersOptions) (*Users, error) {
	if opts.Remember == 0 {
		opts.Remember = defaultRemember
	}
	if opts.Hashings <= 0 {
		opts.Hashings = max(1, runtime.GOMAXPROCS(0)/2)
	}
	list, err := NewList(users)
	u := &Users{
		sources:  append([]Source{list}, opts.Sources...),
		accounts: newAccounts(opts),
		decoys:   &decoys{},
		verifier: newVerifier(opts.Remember, opts.Hashings),
		layer:    opts.Layer,
	}
	faults := []error{err}
	for i, source := range u.sources {
		for user := range usersOf(source) {
			faults = append(faults, u.accounts.list(i, user))
			u.decoys.learn(user.PasswordHash)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return u, nil
}

// usersOf returns the users of a source that can name them.
func usersOf(source Source) iter.Seq[*User] {
	return func(yield func(*User) bool) {
		l, ok := source.(lister)
		if !ok {
			return
		}
		users := l.Users()
		for i := range users {
			if !yield(&users[i]) {
				return
			}
		}
	}
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

// Authenticate returns the account that the attempt opens. ErrDenied, as a
// Denial, means a name or password that is wrong, or an account that may not be
// used now; an unknown name takes no less time than a wrong password, as far as
// that is for hashes. Every other error means that the question could not be
// answered or that the account cannot be used, because its home is gone or ctx
// is done.
func (u *Users) Authenticate(ctx context.Context, attempt Attempt) (*Account, error) {
	source, found, err := u.find(ctx, attempt)
	if err != nil {
		return nil, fmt.Errorf("driver: look for user %q: %w", attempt.User, err)
	}
	if attempt.ByCertificate {
		err = checkCertificate(found, attempt.TLS)
	} else {
		err = u.checkPassword(ctx, found, attempt)
	}
	if err != nil {
		return nil, err
	}
	user, err := u.accounts.get(source, found.User)
	if err != nil {
		return nil, err
	}
	if err := user.access.check(attempt, time.Now()); err != nil {
		return nil, err
	}
	fs, err := user.tree(attempt.SessionID, u.layer)
	if err != nil {
		return nil, fmt.Errorf("driver: user %q: %w", user.name, err)
	}
	account := &Account{
		Name: user.name, FS: fs, Limits: user.limits,
		RefusedCommands: user.refusedCommands, Operator: user.operator,
	}
	if found.User.Anonymous {
		account.Anonymous = true
		account.Contact = contactOf(attempt.Password)
	}
	return account, nil
}

// contactOf returns what is an e-mail address, and nothing for anything else: it
// may be the password that somebody has elsewhere.
func contactOf(password string) string {
	address, err := mail.ParseAddress(password)
	if err != nil || address.Address != password {
		return ""
	}
	return password
}

// find asks the sources in their order. Nothing is found where none knows the
// name.
func (u *Users) find(ctx context.Context, attempt Attempt) (source int, found *Found, err error) {
	for i, source := range u.sources {
		found, err := source.Find(ctx, attempt)
		switch {
		case errors.Is(err, UnknownUser):
			continue
		case err == nil && (found == nil || found.User == nil || found.User.Name == ""):
			return 0, nil, errors.New("the source returned neither a user nor an error")
		default:
			return i, found, err
		}
	}
	return 0, nil, nil
}

// checkCertificate says whether the client has shown the user's certificate.
func checkCertificate(found *Found, state *tls.ConnectionState) error {
	if found == nil {
		return UnknownUser
	}
	name := found.User.CertificateName
	if name == "" || state == nil || len(state.VerifiedChains) == 0 {
		return WrongCertificate
	}
	shown := state.VerifiedChains[0][0]
	names := slices.Concat([]string{shown.Subject.CommonName, shown.Subject.String()}, shown.DNSNames, shown.EmailAddresses)
	for _, uri := range shown.URIs {
		names = append(names, uri.String())
	}
	if !slices.Contains(names, name) {
		return WrongCertificate
	}
	return nil
}

func (u *Users) checkPassword(ctx context.Context, found *Found, attempt Attempt) error {
	ok, err := u.passwordOpens(ctx, found, attempt)
	switch {
	case err != nil:
		return fmt.Errorf("driver: check the password of user %q: %w", attempt.User, err)
	case found == nil:
		return UnknownUser
	case !ok:
		return WrongPassword
	}
	return nil
}

func (u *Users) passwordOpens(ctx context.Context, found *Found, attempt Attempt) (bool, error) {
	switch {
	case found != nil && found.User.Anonymous:
		return true, nil
	case len(attempt.Password) > maxPassword:
		return false, nil
	case found != nil && found.Check != nil:
		return found.Check(ctx, attempt.Password)
	case found == nil:
		decoy := u.decoys.of(u.verifier.digest(attempt.User, ""))
		if decoy == nil {
			return false, nil
		}
		return u.verifier.verify(ctx, attempt.Client.Addr(), attempt.User, attempt.Password, decoy)
	}
	hash := found.User.PasswordHash
	key := found.User.Name + "\x00" + hash // a new password ends what was remembered
	if u.verifier.remembers(key, attempt.Password) {
		return true, nil
	}
	digest, err := parseUserHash(hash)
	if err != nil {
		return false, err
	}
	u.decoys.learn(hash)
	return u.verifier.verify(ctx, attempt.Client.Addr(), key, attempt.Password, digest.Match)
}

// QuotaLimits is how much a user may keep. Zero: any number.
type QuotaLimits struct {
	// Bytes is the sum of the files' sizes.
	Bytes int64
	// Files is the number of files and directories.
	Files int64
}
