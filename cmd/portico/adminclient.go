package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
)

// adminTokenVariable holds the token for commands that talk to a server.
const adminTokenVariable = "PORTICO_ADMIN_TOKEN"

// adminFlags say where the admin interface of a server is.
type adminFlags struct {
	address              string
	config               string
	authority            string
	certificate, keyFile string
	asJSON               bool
}

const adminHelp = `

The server is asked through its admin interface, whose address is admin.address of
--config or in the environment, or --admin. Where it wants a token, that is in
PORTICO_ADMIN_TOKEN, or one of those in the configuration.`

func (f *adminFlags) register(cmd *cobra.Command, withJSON bool) {
	flags := cmd.Flags()
	flags.StringVar(&f.address, "admin", "", "admin interface, as http://127.0.0.1:9090, https://HOST:PORT or unix:/PATH, instead of the configuration's admin.address")
	flags.StringVar(&f.config, "config", "", "configuration file (.yaml, .toml or .json)")
	flags.StringVar(&f.authority, "ca", "", "PEM file with the authority of the interface's certificate, or that itself")
	flags.StringVar(&f.certificate, "cert", "", "PEM file with a client certificate")
	flags.StringVar(&f.keyFile, "key", "", "PEM file with its private key")
	if withJSON {
		flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	}
}

// adminClient talks to an admin interface.
type adminClient struct {
	http  http.Client
	base  string // of URLs, without a slash at its end
	name  string // for errors
	token string
}

// requestTimeout bounds a request as a whole.
const requestTimeout = 30 * time.Second

// connect settles how to ask. It does not ask yet.
func (f *adminFlags) connect(p *program) (*adminClient, error) {
	c := &adminClient{token: p.variable(adminTokenVariable)}
	settings, address := &tls.Config{MinVersion: tls.VersionTLS12}, f.address
	if address == "" {
		cfg, err := (&serveFlags{file: f.config}).load(p.environ)
		if cfg == nil || err != nil && cfg.Admin.Address == "" {
			return nil, err
		}
		if address, err = addressOf(cfg); err != nil {
			return nil, err
		}
		if c.token == "" {
			if c.token, err = tokenOf(cfg); err != nil {
				return nil, err
			}
		}
		if err := pin(settings, string(cfg.Admin.TLS.Certificate)); err != nil {
			return nil, err
		}
	}
	if err := f.addCertificates(settings); err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: settings}
	c.http = http.Client{Timeout: requestTimeout, Transport: transport}
	c.name = address
	if path, isSocket := strings.CutPrefix(address, "unix:"); isSocket {
		path = "/" + strings.TrimLeft(path, "/")
		c.base = "http://portico"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		return c, nil
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("--admin: %q is no address: write http://127.0.0.1:9090, https://HOST:PORT or unix:/PATH", f.address)
	}
	c.base = strings.TrimSuffix(at.Scheme+"://"+at.Host+at.Path, "/")
	return c, nil
}

// addressOf is where this machine reaches the interface of a configuration.
func addressOf(cfg *config.Config) (string, error) {
	address := cfg.Admin.Address
	if address == "" {
		return "", errors.New("the admin interface is off: set admin.address in the server's configuration (unix:/run/portico/admin.sock, or 127.0.0.1:9090), start the server anew, and name the file with --config; or name the interface with --admin")
	}
	if _, isSocket := cfg.Admin.Socket(); isSocket {
		return address, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil { // config has reported it
		return "", fmt.Errorf("admin.address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if cfg.Admin.TLS.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// tokenOf is the token of a configuration that allows most, "" if there is none.
func tokenOf(cfg *config.Config) (string, error) {
	var best *config.AdminToken
	for i, t := range cfg.Admin.Tokens {
		if best == nil || t.Role == "admin" && best.Role != "admin" {
			best = &cfg.Admin.Tokens[i]
		}
	}
	switch {
	case best == nil:
		return "", nil
	case best.TokenFile == "":
		return best.Token.Reveal(), nil
	}
	token, err := readSecret(string(best.TokenFile))
	if err != nil {
		return "", fmt.Errorf("the token of the admin interface cannot be read: %w: set %s, or run this as a user who can read the file", err, adminTokenVariable)
	}
	return token, nil
}

// pin accepts the certificate of a file, whatever its names: whoever has the
// configuration knows that it is the server's.
func pin(settings *tls.Config, file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("admin.tls.certificate: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("admin.tls.certificate: %s is no PEM file", file)
	}
	settings.InsecureSkipVerify = true // what is verified is that it is this one
	settings.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 || !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
			return fmt.Errorf("the server shows another certificate than that of %s", file)
		}
		return nil
	}
	return nil
}

func (f *adminFlags) addCertificates(settings *tls.Config) error {
	if f.authority != "" {
		text, err := os.ReadFile(f.authority)
		if err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("--ca: %s holds no certificate: name a PEM file", f.authority)
		}
	}
	if f.certificate == "" && f.keyFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.keyFile)
	if err != nil {
		return fmt.Errorf("--cert and --key: %w", err)
	}
	settings.Certificates = []tls.Certificate{pair}
	return nil
}

// get asks for what is at a path of the API, and returns it as it came, too.
func (c *adminClient) get(ctx context.Context, path string, value any) (json.RawMessage, error) {
	return c.do(ctx, http.MethodGet, path, value)
}

func (c *adminClient) do(ctx context.Context, method, path string, value any) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if method != http.MethodGet {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if response.StatusCode >= 300 {
		return nil, c.refused(response.StatusCode, text)
	}
	if err := json.Unmarshal(text, value); err != nil {
		return nil, fmt.Errorf("%s does not answer as Portico's admin interface: %w", c.name, err)
	}
	return text, nil
}

// status asks for a path beside the API and returns the HTTP status.
func (c *adminClient) status(ctx context.Context, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, c.unreachable(err)
	}
	return response.StatusCode, response.Body.Close()
}

func (c *adminClient) unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("the admin interface at %s cannot be reached: %w: is the server running, with this admin.address in its configuration?", c.name, err)
}

// refusedError is an answer that is an error.
type refusedError struct {
	status int
	text   string
}

// Error implements error.
func (e *refusedError) Error() string { return e.text }

func (c *adminClient) refused(status int, text []byte) error {
	var problem struct{ Detail string }
	if err := json.Unmarshal(text, &problem); err != nil || problem.Detail == "" {
		problem.Detail = http.StatusText(status)
	}
	remedy := ""
	switch {
	case status == http.StatusUnauthorized && c.token == "":
		remedy = " Set " + adminTokenVariable + ", or name the server's configuration with --config."
	case status == http.StatusUnauthorized:
		remedy = " That of " + adminTokenVariable + " or of the configuration is not one of the server's."
	case status == http.StatusForbidden:
		remedy = " Use a token with the role admin."
	}
	return &refusedError{status, fmt.Sprintf("the admin interface at %s answers %d: %s%s", c.name, status, problem.Detail, remedy)}
}

// printRaw prints an answer as it came, indented.
func (p *program) printRaw(text json.RawMessage) error {
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(text), "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := p.stdout.Write(out.Bytes())
	return err
}
