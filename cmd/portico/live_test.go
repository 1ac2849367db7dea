package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// startAt serves a directory at listeners, in which PORT stands for a free one.
func startAt(t *testing.T, listeners string, more ...string) (*running, []string) {
	t.Helper()
	for range 5 {
		ports := freePorts(t, 2)
		environ := append([]string{"PORTICO_LISTENERS=" + strings.ReplaceAll(listeners, "PORT", ports[0]), "PORTICO_PASSIVE_PORTS=" + ports[1]}, more...)
		r := &running{control: ports[0], stderr: &lockedBuffer{}, code: make(chan int, 1)}
		if r.tryStart(t, environ, []string{"serve", "--allow-root", t.TempDir()}) {
			return r, environ
		}
		if !strings.Contains(r.stderr.String(), "address already in use") {
			t.Fatalf("it did not start:\n%s", r.stderr)
		}
	}
	t.Fatal("every port was taken")
	return nil, nil
}

func TestALiveServerAnswers(t *testing.T) {
	t.Parallel()
	authority, _ := writePair(t)
	admin := "PORTICO_ADMIN_ADDRESS=unix:" + filepath.Join(t.TempDir(), "admin.sock")
	for name, test := range map[string]struct {
		listeners string
		more      []string
		want      string
	}{
		"in clear":                           {`[{address: "127.0.0.1:PORT"}]`, nil, "greets"},
		"on every address":                   {`[{address: ":PORT"}]`, nil, "alive: 127.0.0.1:"},
		"under TLS":                          {`[{address: "127.0.0.1:PORT", implicit_tls: true}]`, []string{"PORTICO_TLS_SELF_SIGNED=true"}, "greets"},
		"to a load balancer":                 {`[{address: "127.0.0.1:PORT", proxy_protocol: [127.0.0.0/8]}]`, nil, "greets"},
		"to a load balancer elsewhere":       {`[{address: "127.0.0.1:PORT", proxy_protocol: [192.0.2.0/24]}]`, nil, "greets"},
		"to a load balancer under TLS":       {`[{address: "127.0.0.1:PORT", implicit_tls: true, proxy_protocol: [127.0.0.0/8]}]`, []string{"PORTICO_TLS_SELF_SIGNED=true"}, "greets"},
		"that wants certificates of clients": {`[{address: "127.0.0.1:PORT", implicit_tls: true}]`, []string{"PORTICO_TLS_SELF_SIGNED=true", "PORTICO_TLS_CLIENT_CA=" + string(authority)}, "wants a client certificate"},
		"with an admin interface":            {`[{address: "127.0.0.1:PORT"}]`, []string{admin}, "greets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, environ := startAt(t, test.listeners, test.more...)
			o := execute(t, "", environ, "check", "--live")
			o.want(t, 0, "alive: ", test.want)
			if strings.Count(o.stdout, "\n") != 1 || o.stderr != "" {
				t.Errorf("more than one line:\n%s%s", o.stdout, o.stderr)
			}
			if code := r.stop(t); code != 0 {
				t.Errorf("the server ends with %d", code)
			}
			if log := r.stderr.String(); strings.Contains(test.want, "greets") && strings.Contains(log, "session opened") {
				t.Errorf("the health check is in the log:\n%s", log)
			}
		})
	}
}

// The server does not look at its file before it is told to.
func TestAFileThatHasBecomeWrongKillsNobody(t *testing.T) {
	t.Parallel()
	r, environ := startAt(t, `[{address: "127.0.0.1:PORT"}]`)
	file := writeFile(t, "portico.yaml", "tls: {min_version: 7}\n")
	execute(t, "", environ, "check", "--live", "--config", file).want(t, 0, "greets")
	r.stop(t)
}

func TestAServerThatDrainsIsAlive(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	environ := []string{`PORTICO_LISTENERS=[{address: "127.0.0.1:` + freePorts(t, 1)[0] + `"}]`, "PORTICO_ADMIN_ADDRESS=" + strings.TrimPrefix(s.URL, "http://")}
	execute(t, "", environ, "check", "--live").want(t, 0, "alive: draining")
}

func TestAServerThatIsFullIsAlive(t *testing.T) {
	t.Parallel()
	r, environ := startAt(t, `[{address: "127.0.0.1:PORT"}]`, "PORTICO_LIMITS_SESSIONS=1")
	c := r.dial(t)
	execute(t, "", environ, "check", "--live").want(t, 0, "answers 421")
	c.wantReply(t, "QUIT", 221)
	r.stop(t)
}

func TestWhatIsNotAlive(t *testing.T) {
	t.Parallel()
	at := func(port string) []string { return []string{`PORTICO_LISTENERS=[{address: "127.0.0.1:` + port + `"}]`} }
	wrong, _ := answering(t, 500, "")
	foreign := serveText(t, "SSH-2.0-other\r\n")
	denying, environ := startAt(t, `[{address: "127.0.0.1:PORT"}]`, "PORTICO_DEFENCE_DENY=127.0.0.0/8", "PORTICO_DEFENCE_ALLOW=192.0.2.1/32")
	for name, test := range map[string]struct {
		environ, args []string
		want          string
	}{
		"nobody":                  {at(freePorts(t, 1)[0]), nil, "portico: not alive: dial tcp 127.0.0.1:"},
		"no FTP server":           {at(foreign), nil, "does not greet"},
		"a server that denies us": {environ, nil, "whether it lets its own address in"},
		"no admin interface":      {append(at(denying.control), "PORTICO_ADMIN_ADDRESS=unix:"+filepath.Join(t.TempDir(), "none")), nil, "portico: not alive: the admin interface at unix:"},
		"a wrong admin interface": {append(at(denying.control), "PORTICO_ADMIN_ADDRESS="+strings.TrimPrefix(wrong, "http://")), nil, "answers 500"},
		"no file":                 {nil, []string{"--config", "nowhere.yaml"}, "nowhere.yaml"},
		"no YAML":                 {nil, []string{"--config", writeFile(t, "portico.yaml", "listeners: [")}, "portico.yaml"},
		"a wrong address":         {[]string{"PORTICO_LISTENERS=[{address: nonsense}]"}, nil, "PORTICO_LISTENERS: listeners[0].address"},
		"JSON":                    {nil, []string{"--json"}, "live"},
	} {
		t.Run(name, func(t *testing.T) {
			o := execute(t, "", test.environ, append([]string{"check", "--live"}, test.args...)...)
			o.want(t, 1, test.want)
			if o.stdout != "" || strings.Count(o.stderr, "\n") != 1 {
				t.Errorf("not one line of error:\n%s%s", o.stdout, o.stderr)
			}
		})
	}
	denying.stop(t)
}

// serveText says text to whoever connects.
func serveText(t *testing.T, text string) (port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte(text))
			conn.Close()
		}
	}()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
