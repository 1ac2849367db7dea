//go:build unix

package e2e

import (
	"regexp"
	"testing"
)

// pastedLogin finds user:password in the command that portico serve DIR prints
// for its reader to paste.
func pastedLogin(t *testing.T, said string) string {
	t.Helper()
	for _, pattern := range []string{
		`curl [^\n]*(?:--user|-u) '?([^\s:']+:[^\s']+)`,
		`curl [^\n]*ftp://([^\s:@/]+:[^\s@/]+)@`,
	} {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(said); m != nil {
			return m[1]
		}
	}
	t.Fatalf("no curl command with a user and a password in:\n%s", said)
	return ""
}
