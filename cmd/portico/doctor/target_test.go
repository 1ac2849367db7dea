package doctor

import (
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		url      string
		password string
		want     Target
	}{
		"everything":          {"ftp://alice:secret@ftp.example.org:2121/in/box", "", Target{SchemeFTP, "ftp.example.org", 2121, "alice", "secret", "/in/box"}},
		"password beside":     {"ftp://alice@ftp.example.org", "secret", Target{SchemeFTP, "ftp.example.org", 21, "alice", "secret", ""}},
		"the URL's wins":      {"ftp://alice:a@ftp.example.org/", "b", Target{SchemeFTP, "ftp.example.org", 21, "alice", "a", ""}},
		"escaped":             {"ftp://al%40ice:p%3Aw@ftp.example.org", "", Target{SchemeFTP, "ftp.example.org", 21, "al@ice", "p:w", ""}},
		"anonymous":           {"FTP://ftp.example.org", "", Target{SchemeFTP, "ftp.example.org", 21, "anonymous", "doctor@", ""}},
		"explicit TLS":        {"ftpes://a@ftp.example.org", "b", Target{SchemeFTPES, "ftp.example.org", 21, "a", "b", ""}},
		"implicit TLS":        {"ftps://a@ftp.example.org", "b", Target{SchemeFTPS, "ftp.example.org", 990, "a", "b", ""}},
		"IPv6":                {"ftp://a@[2001:db8::1]:2121", "b", Target{SchemeFTP, "2001:db8::1", 2121, "a", "b", ""}},
		"another FTP user":    {"ftp://a@192.0.2.1", "", Target{SchemeFTP, "192.0.2.1", 21, "a", "", ""}},
		"IPv6 without a port": {"ftps://a@[::1]", "b", Target{SchemeFTPS, "::1", 990, "a", "b", ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseTarget(test.url, test.password)
			if err != nil || got != test.want {
				t.Errorf("got %+v and %v", got, err)
			}
			if got.Password != "" && strings.Contains(got.String(), got.Password) && got.Password != "a" && got.Password != "b" {
				t.Errorf("%s holds the password", got)
			}
		})
	}
}

func TestParseTargetFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ url, want string }{
		"nothing":            {"", "not a URL with a host"},
		"a host alone":       {"ftp.example.org", "not a URL with a host"},
		"another scheme":     {"sftp://alice:secret@ftp.example.org", "another scheme"},
		"no host":            {"ftp://alice:secret@", "not a URL with a host"},
		"port 0":             {"ftp://alice:secret@ftp.example.org:0", `port "0"`},
		"port 70000":         {"ftp://alice:secret@ftp.example.org:70000", `port "70000"`},
		"a port of letters":  {"ftp://alice:secret@ftp.example.org:ftp", "not a URL"},
		"a command in user":  {"ftp://alice%0d%0aDELE%20x:secret@ftp.example.org", "line break"},
		"a command in path":  {"ftp://alice:secret@ftp.example.org/%0aDELE%20x", "line break"},
		"a zero byte":        {"ftp://alice:sec%00ret@ftp.example.org", "zero byte"},
		"a broken escape":    {"ftp://alice:secret%zz@ftp.example.org", "not a URL"},
		"a control byte raw": {"ftp://alice:secret@ftp.example.org/\x7f", "not a URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseTarget(test.url, "")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestLargestFile(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		parse   func(string) (string, int64)
		listing string
		name    string
		size    int64
	}{
		"MLSD":                {largestInMLSD, "type=dir;size=9; d\r\ntype=file;size=5; a b\r\nSize=7;Type=file; c\r\n", "c", 7},
		"MLSD without files":  {largestInMLSD, "type=cdir; .\r\nnonsense\r\n", "", 0},
		"MLSD with an option": {largestInMLSD, "type=file;size=5; -rf\r\n", "", 0},
		"LIST":                {largestInLIST, "total 2\r\n-rw-r--r--   1 a  b   12 Jan 01 00:00 x\r\n-rw-r--r-- 1 a b 300 Jan 01 2020 two  words\r\n", "two  words", 300},
		"LIST of others":      {largestInLIST, "01-01-20 10:00AM 300 x.txt\r\nlrwxrwxrwx 1 a b 900 Jan 01 00:00 l -> x\r\n", "", 0},
		"LIST of nothing":     {largestInLIST, "", "", 0},
		"LIST of a lie":       {largestInLIST, "-rw-r--r-- 1 a b 99999999999999999999 Jan 01 00:00 x\r\n", "", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name, size := test.parse(test.listing); name != test.name || size != test.size {
				t.Errorf("got %q, %d", name, size)
			}
		})
	}
}
