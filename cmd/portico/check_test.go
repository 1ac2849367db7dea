package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheckAcceptsWhatWouldStart(t *testing.T) {
	t.Parallel()
	for range 5 { // another program may take a port in between
		ports := freePorts(t, 2)
		o := execute(t, "", nil, "check", "--allow-root", t.TempDir(), "--listen", "127.0.0.1:"+ports[0], "--passive-ports", ports[1], "--tls-self-signed")
		if strings.Contains(o.stdout, "address already in use") {
			continue
		}
		o.want(t, 0, "ok    configuration", "ok    users", "ok    certificate: self-signed",
			"ok    listen on 127.0.0.1:"+ports[0], "ok    passive ports: "+ports[1], "ok    public address", "ok    active source port: auto")
		if strings.Contains(o.stdout, "FAIL") || o.stderr != "" {
			t.Errorf("something fails:\n%s%s", o.stdout, o.stderr)
		}
		return
	}
	t.Fatal("every port was taken")
}

func TestCheckReportsEachFault(t *testing.T) {
	t.Parallel()
	control, passive := takePort(t), takePort(t)
	file := writeFile(t, "portico.yaml", `
nonsense: 1
listeners: [{address: "127.0.0.1:`+control+`"}]
passive: {ports: `+passive+`, public_address: portico.invalid}
tls: {certificate: cert.pem, key: key.pem}
users: [{name: alice, password: plain, home: missing}]
`)
	faults := []string{
		"configuration: " + file + ": nonsense: unknown key",
		"users: " + file + ": users[0].password: not a password hash",
		"users: " + file + ": users[0].home: there is no directory",
		"certificate: " + file + ": tls.certificate: open",
		"certificate: " + file + ": tls.key: open",
		"listen on 127.0.0.1:" + control + ": " + file + ": listeners[0].address: cannot listen",
		"passive ports: " + file + ": passive.ports: bind passive port " + passive,
		"public address portico.invalid: " + file + ": passive.public_address[0].address: portico.invalid does not resolve",
	}
	plain := execute(t, "", nil, "check", "--allow-root", "--config", file)
	for _, fault := range faults {
		plain.want(t, 1, "FAIL  "+fault)
	}

	o := execute(t, "", nil, "check", "--allow-root", "--config", file, "--json")
	o.want(t, 1)
	var got struct {
		OK     bool
		Checks []outcome
	}
	if err := json.Unmarshal([]byte(o.stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, o.stdout)
	}
	failed := len(slices.DeleteFunc(got.Checks, func(o outcome) bool { return o.OK }))
	if got.OK || failed != len(faults) {
		t.Errorf("ok is %v with %d faults, want false with %d:\n%s", got.OK, failed, len(faults), o.stdout)
	}
}

func TestCheckLooksAtHostsAndTheCommandLog(t *testing.T) {
	t.Parallel()
	certificate, key := writePair(t)
	home := t.TempDir()
	file := writeFile(t, "portico.yaml", `
tls: {self_signed: true}
log: {commands: nowhere/commands.log}
hosts:
  - {name: own.example, certificate: `+string(certificate)+`, key: `+string(key)+`}
  - {name: shared.example, client_ca: `+string(certificate)+`}
  - {name: plain.example, users: [{name: bob, password: "`+hashOf(t, "x")+`", home: `+home+`}]}
  - {name: broken.example, certificate: missing.pem, key: missing.pem}
`)
	o := execute(t, "", []string{"PORTICO_PASSIVE_PORTS=" + freePorts(t, 1)[0]}, "check", "--allow-root", "--config", file)
	o.want(t, 1,
		"ok    users: 1 in the configuration",
		"ok    certificate of own.example: valid until ",
		"ok    certificate of shared.example: the server's",
		"FAIL  certificate of broken.example: "+file+": hosts[3].certificate: open ",
		"FAIL  log.commands: "+file+": log.commands: open ")
	if strings.Contains(o.stdout, "plain.example") {
		t.Errorf("there is nothing to say of the TLS of plain.example:\n%s", o.stdout)
	}
}

func TestCheckExpiry(t *testing.T) {
	t.Parallel()
	cfg := valid(t)
	cfg.TLS.SelfSigned = true
	settings, err := loadTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{config: cfg}
	for _, test := range []struct {
		now  time.Time
		want string
	}{
		{time.Now(), ""},
		{time.Now().Add(2 * selfSignedLife), "expired on"},
		{time.Now().Add(-selfSignedLife), "is valid from"},
	} {
		err := s.checkExpiry("tls", leaf(settings), test.now)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("at %v: got %v, want %q", test.now, err, test.want)
		}
	}
}
