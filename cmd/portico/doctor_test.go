package main

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/doctor"
)

func TestDoctorUsage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"no server":            {nil, "accepts 1 arg"},
		"no URL":               {[]string{"ftp.example.org"}, "write it as ftp://user@host:port"},
		"another scheme":       {[]string{"http://ftp.example.org"}, "another scheme"},
		"both families":        {[]string{"-4", "-6", "ftp://ftp.example.org"}, "ipv4 ipv6"},
		"no time":              {[]string{"--timeout", "0s", "ftp://ftp.example.org"}, "--timeout must be more than 0"},
		"a negative pause":     {[]string{"--long=-1s", "ftp://ftp.example.org"}, "--long must not be negative"},
		"not an address":       {[]string{"--active-address", "here", "ftp://ftp.example.org"}, `"here" is not an IP address`},
		"a port out of range":  {[]string{"--active-port", "70000", "ftp://ftp.example.org"}, "active-port"},
		"the password is kept": {[]string{"ftp://alice:hunter2@ftp.example.org:x"}, "not a URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, "", nil, append([]string{"doctor"}, test.args...)...)
			o.want(t, doctor.ExitUsage, test.want)
			if strings.Contains(o.stdout+o.stderr, "hunter2") {
				t.Error("the password is printed")
			}
		})
	}
}

// closedPort is one that nothing listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestDoctorReportsAndExits(t *testing.T) {
	t.Parallel()
	url := "ftp://alice:hunter2@" + closedPort(t)
	plain := execute(t, "", nil, "doctor", url)
	plain.want(t, doctor.ExitControl, "VERDICT", "blocked  connect", "is refused", "The four ways through the firewalls:\nskipped  server active")

	o := execute(t, "", []string{"PORTICO_PASSWORD=hunter2"}, "doctor", "--json", url)
	o.want(t, doctor.ExitControl)
	var report doctor.Report
	if err := json.Unmarshal([]byte(o.stdout), &report); err != nil {
		t.Fatal(err)
	}
	if report.ExitCode != doctor.ExitControl || len(report.Cases) != 4 || !report.Complete {
		t.Errorf("got %+v", report)
	}
	if strings.Contains(plain.stdout+o.stdout, "hunter2") {
		t.Error("the password is printed")
	}
}
