package driver

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/pbkdf2"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// maxPassword is the length in bytes from which on a password is wrong whatever
// the hash says: SHA-crypt's cost grows with it.
const maxPassword = 512

// What HashPassword asks of argon2id: OWASP's second choice, which is as hard
// to guess as the others and needs the memory of a small container (KiB).
const (
	newHashMemory = 19 * 1024
	newHashPasses = 2
	newHashLanes  = 1
)

// Bounds of what a hash may cost: some two seconds of one core, and
// maxArgonMemory (KiB) of memory.
const (
	maxArgonMemory = 256 * 1024
	maxArgonWork   = 8 * maxArgonMemory // memory times passes
	maxArgonLanes  = 64
	minBcryptCost  = 4
	maxBcryptCost  = 15
	minSHARounds   = 1000
	maxSHARounds   = 1_000_000
	minPBKDF2      = 10_000
	maxPBKDF2      = 3_000_000
)

const acceptedHashes = "argon2id ($argon2id$), bcrypt ($2a$, $2b$, $2y$), yescrypt ($y$), SHA-crypt ($5$, $6$), PBKDF2 ($pbkdf2-sha256$, $pbkdf2-sha512$)"

// HashPassword returns a new argon2id hash of password, which must have 1 to
// 512 bytes. It takes some 20 MiB of memory for some 30 milliseconds.
func HashPassword(password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", fmt.Errorf("driver: a password has 1 to %d bytes, this one has %d", maxPassword, len(password))
	}
	hasher, err := argon2.New(
		argon2.WithVariantID(),
		argon2.WithMemoryInKiB(newHashMemory),
		argon2.WithIterations(newHashPasses),
		argon2.WithParallelism(newHashLanes),
	)
	if err != nil {
		return "", fmt.Errorf("driver: hash a password: %w", err)
	}
	digest, err := hasher.Hash(password)
	if err != nil {
		return "", fmt.Errorf("driver: hash a password: %w", err)
	}
	return digest.Encode(), nil
}

// CheckHash returns nil if hash is one that logins can be checked against: well
// formed, of an accepted kind (argon2id, bcrypt, crypt(3) $5$, $6$ and $y$,
// PBKDF2 with SHA-2 as passlib writes it), and neither too cheap nor so costly that it would endanger the server. The error
// says what is accepted and does not repeat the hash.
func CheckHash(hash string) error {
	_, err := parseHash(hash)
	return err
}

// parseHash decodes the accepted kinds by name, so that a kind the library
// learns later does not become one of ours unseen.
func parseHash(hash string) (algorithm.Digest, error) {
	if strings.ContainsFunc(hash, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("a password hash has no spaces, line ends or special characters: was it quoted or pasted wrongly?")
	}
	switch hashKind(hash) {
	case "argon2id":
		return decodeHash(hash, argon2.DecodeVariant(argon2.VariantID), checkArgon)
	case "2a", "2b", "2y":
		return decodeHash(hash, bcrypt.DecodeVariant(bcrypt.VariantStandard), checkBcrypt)
	case "5":
		return decodeHash(hash, shacrypt.DecodeVariant(shacrypt.VariantSHA256), checkSHACrypt(43))
	case "6":
		return decodeHash(hash, shacrypt.DecodeVariant(shacrypt.VariantSHA512), checkSHACrypt(86))
	case "y":
		return decodeHash(hash, scrypt.DecodeVariant(scrypt.VariantYescrypt), checkYescrypt)
	case "pbkdf2-sha256":
		return decodeHash(hash, pbkdf2.DecodeVariant(pbkdf2.VariantSHA256), checkPBKDF2(32))
	case "pbkdf2-sha512":
		return decodeHash(hash, pbkdf2.DecodeVariant(pbkdf2.VariantSHA512), checkPBKDF2(64))
	default:
		// What stands there may be a password in clear: it is not repeated.
		return nil, fmt.Errorf("not a password hash of an accepted kind: use %s", acceptedHashes)
	}
}

// hashKind returns what stands between the first two dollar signs.
func hashKind(hash string) string {
	rest, _ := strings.CutPrefix(hash, "$")
	kind, _, _ := strings.Cut(rest, "$")
	return kind
}

func decodeHash(hash string, decode algorithm.DecodeFunc, check func([]string, algorithm.Digest) error) (algorithm.Digest, error) {
	digest, err := decode(hash)
	if err != nil {
		return nil, fmt.Errorf("malformed password hash: %w", err)
	}
	// Encoding again gives the parameters in one order, defaults filled in.
	if err := check(strings.Split(digest.Encode(), "$"), digest); err != nil {
		return nil, err
	}
	return digest, nil
}

func checkArgon(parts []string, digest algorithm.Digest) error {
	var memory, passes, lanes uint64
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return fmt.Errorf("malformed argon2id parameters %q: %w", parts[3], err)
	}
	switch {
	case lanes < 1 || lanes > maxArgonLanes:
		return fmt.Errorf("argon2id parallelism p=%d: use 1 to %d", lanes, maxArgonLanes)
	case memory < 8*lanes || memory > maxArgonMemory:
		return fmt.Errorf("argon2id memory m=%d (KiB): use %d to %d", memory, 8*lanes, maxArgonMemory)
	case passes < 1 || passes > maxArgonWork/memory:
		return fmt.Errorf("argon2id passes t=%d: with m=%d use 1 to %d", passes, memory, maxArgonWork/memory)
	case len(digest.Salt()) < 8 || len(digest.Salt()) > 64:
		return fmt.Errorf("argon2id salt of %d bytes: use 8 to 64", len(digest.Salt()))
	case len(digest.Key()) < 16 || len(digest.Key()) > 64:
		return fmt.Errorf("argon2id hash of %d bytes: use 16 to 64; was it cut off?", len(digest.Key()))
	}
	return nil
}

func checkBcrypt(parts []string, _ algorithm.Digest) error {
	var cost int
	if _, err := fmt.Sscanf(parts[2], "%d", &cost); err != nil {
		return fmt.Errorf("malformed bcrypt cost %q: %w", parts[2], err)
	}
	if cost < minBcryptCost || cost > maxBcryptCost {
		return fmt.Errorf("bcrypt cost %d: use %d to %d", cost, minBcryptCost, maxBcryptCost)
	}
	return nil
}

func checkSHACrypt(length int) func([]string, algorithm.Digest) error {
	return func(parts []string, digest algorithm.Digest) error {
		rounds := shacrypt.IterationsDefaultOmitted
		if len(parts) == 5 {
			if _, err := fmt.Sscanf(parts[2], "rounds=%d", &rounds); err != nil {
				return fmt.Errorf("malformed SHA-crypt rounds %q: %w", parts[2], err)
			}
		}
		switch {
		case rounds < minSHARounds || rounds > maxSHARounds:
			return fmt.Errorf("SHA-crypt rounds=%d: use %d to %d", rounds, minSHARounds, maxSHARounds)
		case len(digest.Salt()) == 0 || len(digest.Salt()) > 16:
			return fmt.Errorf("SHA-crypt salt of %d characters: use 1 to 16", len(digest.Salt()))
		case len(digest.Key()) != length:
			return fmt.Errorf("SHA-crypt hash of %d characters has to have %d: was it cut off?", len(digest.Key()), length)
		case strings.Trim(string(digest.Key()), crypt3Alphabet) != "":
			return errors.New("SHA-crypt hash has characters that crypt(3) does not use: was it quoted wrongly?")
		}
		return nil
	}
}

// checkYescrypt reads the two numbers of the settings, "j9T": the logarithm of
// the number of blocks and their size, each less one.
func checkYescrypt(parts []string, digest algorithm.Digest) error {
	settings := parts[2]
	if len(settings) != 3 {
		return fmt.Errorf("malformed yescrypt settings %q", settings)
	}
	log := strings.IndexByte(crypt3Alphabet, settings[1]) + 1
	size := strings.IndexByte(crypt3Alphabet, settings[2]) + 1
	switch {
	case log < 1 || size < 1:
		return fmt.Errorf("malformed yescrypt settings %q", settings)
	case log > 30 || size<<log/8 > maxArgonMemory:
		return fmt.Errorf("yescrypt settings %q take too much memory: use up to %d KiB, such as j9T", settings, maxArgonMemory)
	case len(digest.Key()) != 32:
		return fmt.Errorf("yescrypt hash of %d bytes has to have 32: was it cut off?", len(digest.Key()))
	}
	return nil
}

func checkPBKDF2(length int) func([]string, algorithm.Digest) error {
	return func(parts []string, digest algorithm.Digest) error {
		rounds, err := strconv.Atoi(parts[2])
		switch {
		case err != nil || rounds < minPBKDF2 || rounds > maxPBKDF2:
			return fmt.Errorf("PBKDF2 rounds %s: use %d to %d", parts[2], minPBKDF2, maxPBKDF2)
		case len(digest.Salt()) < 8 || len(digest.Salt()) > 64:
			return fmt.Errorf("PBKDF2 salt of %d bytes: use 8 to 64", len(digest.Salt()))
		case len(digest.Key()) != length:
			return fmt.Errorf("PBKDF2 hash of %d bytes has to have %d: was it cut off?", len(digest.Key()), length)
		}
		return nil
	}
}

// crypt3Alphabet are the 64 digits of crypt(3), in their order.
const crypt3Alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
