package driver_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/portico-ftp/portico/driver"
)

// Hashes of the password "correct", made by other programs than the library
// under test: glibc's and libxcrypt's crypt(3), OpenSSL, Python's hashlib, and
// x/crypto.
const (
	argonHash      = "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$06IBCl0sVT9bUv6aEm8IJDOCLNnURHGLJz2n7DrjpFM"
	bcryptHash     = "$2b$04$abcdefghijklmnopqrstuu2Vo3TWutZSHUfluiaHt5gekKPzGepHC"
	sha256Hash     = "$5$saltstring$OJXS16sleBuXoQlTFQDxbyRsJxv8zNbq99JZAYp.D1."
	sha512Hash     = "$6$saltstring$z5zjzzg8Y6B0L0QilC/VeCynCWBBQsKg3vO1aDy2TrYu2NsbQozQ02lMAi7Q0ikawzkPBnTDRMM8hOtYQ1uip."
	roundsHash     = "$6$rounds=1000$saltstring$W2EbqzvG5.qnojn8QDtRzISRKA3vCGZ32L/uPvyQn/Hp69N/3jR7.HouY6ExMdo7Seh0fhM18NceQ3Z7ykHBv."
	yescryptHash   = "$y$j9T$abcdefghijklmnopqrstu0$l.jUXmbjhUi.V9Kvb0Kjxaq4Cv0qzdDoPWT6LxY0Ls7"
	pbkdf2Hash     = "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$1C72q/D8LICd8eJYYAcUWPt9/JaVECByG3OBTCk4new"
	pbkdf2LongHash = "$pbkdf2-sha512$25000$MDEyMzQ1Njc4OWFiY2RlZg$RSgzMe.oQYpvZ15VSjZ7EnwuIKAsmvQaYbHN/5vdSra807ap9thRhIsXT.haHJbgOksCWE24qgylUP8UUdNcBw"
)

func TestHashesOfOtherProgramsOpenAccounts(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{argonHash, bcryptHash, strings.Replace(bcryptHash, "2b", "2y", 1), sha256Hash, sha512Hash, roundsHash, yescryptHash, pbkdf2Hash, pbkdf2LongHash} {
		t.Run(hash, func(t *testing.T) {
			t.Parallel()
			users := oneUser(t, driver.User{Name: "alice", PasswordHash: hash})
			if _, err := users.Authenticate(t.Context(), driver.Attempt{User: "alice", Password: "correct"}); err != nil {
				t.Errorf("the right password: %v", err)
			}
			for _, wrong := range []string{"", "Correct", "correct ", "correctcorrect", strings.Repeat("x", 600)} {
				requireDenied(t, users, "alice", wrong)
			}
		})
	}
}

func TestHashPasswordMakesAHashThatIsAccepted(t *testing.T) {
	t.Parallel()
	hash, err := driver.HashPassword("päss wörd")
	must(t, err)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q", hash)
	}
	must(t, driver.CheckHash(hash))
	again, err := driver.HashPassword("päss wörd")
	must(t, err)
	if again == hash {
		t.Error("two hashes have one salt")
	}
	for _, bad := range []string{"", strings.Repeat("x", 513)} {
		if _, err := driver.HashPassword(bad); err == nil {
			t.Errorf("a password of %d bytes was hashed", len(bad))
		}
	}
}

func TestCheckHashRefuses(t *testing.T) {
	t.Parallel()
	replace := func(hash, old, new string) string { return strings.Replace(hash, old, new, 1) }
	tests := []struct{ name, hash, says string }{
		{"nothing", "", "argon2id"},
		{"clear text", "correct", "argon2id"},
		{"clear text with dollars", "$$$", "argon2id"},
		{"clear text between dollars", "$hunter$2", "argon2id"},
		{"a line end", bcryptHash + "\n", "pasted"},
		{"NUL", "$5$\x00$a$b", "pasted"},
		{"MD5-crypt", "$1$saltstri$d.zzY4VycpqxBFmkLZSlf/", "bcrypt"},
		{"gost-yescrypt", replace(yescryptHash, "$y$", "$gy$"), "$6$"},
		{"yescrypt of 16 GiB", replace(yescryptHash, "j9T", "jJT"), "memory"},
		{"yescrypt of another flavour", replace(yescryptHash, "j9T", "09T"), "malformed"},
		{"yescrypt with more settings", replace(yescryptHash, "j9T", "j9T0"), "malformed"},
		{"yescrypt cut off", yescryptHash[:len(yescryptHash)-11], "cut off"},
		{"PBKDF2 rounds", replace(pbkdf2Hash, "29000", "2900000000"), "3000000"},
		{"PBKDF2 too few rounds", replace(pbkdf2Hash, "29000", "290"), "10000"},
		{"PBKDF2 cut off", pbkdf2Hash[:len(pbkdf2Hash)-27], "cut off"},
		{"PBKDF2 with MD5", replace(pbkdf2Hash, "sha256", "md5"), "pbkdf2-sha256"},
		{"argon2i", replace(argonHash, "argon2id", "argon2i"), "argon2id"},
		{"argon2 memory of 2 GiB", replace(argonHash, "m=64", "m=2097152"), "m=2097152"},
		{"argon2 memory below the lanes", replace(argonHash, "m=64,t=1,p=1", "m=8,t=1,p=2"), "m=8"},
		{"argon2 passes", replace(argonHash, "t=1", "t=4000000000"), "t=4000000000"},
		{"argon2 passes times memory", replace(argonHash, "m=64,t=1", "m=262144,t=9"), "1 to 8"},
		{"argon2 lanes", replace(argonHash, "p=1", "p=256"), "p=256"},
		{"argon2 short salt", replace(argonHash, "MDEyMzQ1Njc4OWFiY2RlZg", "MDEy"), "salt of 3"},
		{"argon2 cut off", argonHash[:len(argonHash)-23], "cut off"},
		{"bcrypt cost 16", replace(bcryptHash, "$04$", "$16$"), "4 to 15"},
		{"bcrypt cost 3", replace(bcryptHash, "$04$", "$03$"), "4 to 15"},
		{"bcrypt cut off", bcryptHash[:59], "53 bytes"},
		{"bcrypt with its flaw", replace(bcryptHash, "$2b", "$2x"), "$2y$"},
		{"bcrypt of SHA-256", "$bcrypt-sha256$v=2,t=2b,r=5$abcdefghijklmnopqrstuu$2Vo3TWutZSHUfluiaHt5gekKPzGepHC", "$2b$"},
		{"SHA-crypt rounds", replace(roundsHash, "rounds=1000", "rounds=999999999"), "1000000"},
		{"SHA-crypt too few rounds", replace(roundsHash, "rounds=1000", "rounds=0"), "1000"},
		{"SHA-crypt cut off", sha512Hash[:60], "cut off"},
		{"SHA-crypt quoted wrongly", replace(sha256Hash, "OJXS", "OJ!S"), "quoted"},
		{"SHA-crypt long salt", replace(sha256Hash, "saltstring", "saltstringsaltstring"), "salt of 20"},
		{"SHA-crypt of the other kind", replace(sha512Hash, "$6$", "$5$"), "43"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := driver.CheckHash(tt.hash)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("CheckHash(%q) = %v, want an error with %q", tt.hash, err, tt.says)
			}
			if err != nil && tt.hash != "" && (strings.Contains(err.Error(), tt.hash) || strings.Contains(err.Error(), "hunter")) {
				t.Errorf("the error repeats the hash: %v", err)
			}
		})
	}
}

// FuzzCheckHash holds that no text panics and that errors can be printed.
func FuzzCheckHash(f *testing.F) {
	for _, seed := range []string{argonHash, bcryptHash, sha256Hash, sha512Hash, roundsHash, yescryptHash, pbkdf2Hash, "$y$j9T$$", "$pbkdf2-sha256$1$$", "$5$rounds=5000$$", "$argon2id$$$$", "$2a$$", "$6$\x00$a$b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, hash string) {
		if err := driver.CheckHash(hash); err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("%q: the error holds control characters", err)
		}
	})
}
