package httpusers

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/internal/webhook"
)

// Source asks a web server. It is safe for concurrent use. Whoever made it
// closes it, after the last Find.
type Source struct {
	opts   Options
	target *url.URL
	client *http.Client
	slots  *semaphore.Weighted
	known  *memory
}

var _ driver.Source = (*Source)(nil)

// New checks the options. It does not ask the server, which may come later;
// Check does.
func New(opts Options) (*Source, error) {
	opts = opts.withDefaults()
	target, err := opts.target()
	if err != nil {
		return nil, err
	}
	return &Source{
		opts: opts, target: target, client: opts.newClient(),
		slots: semaphore.NewWeighted(int64(opts.Connections)), known: newMemory(opts.Remember),
	}, nil
}

// Close closes connections that are kept for later questions. It returns nil.
func (s *Source) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Find implements driver.Source. The server checks the password with the same
// question, so a wrong one is driver.WrongPassword.
func (s *Source) Find(ctx context.Context, attempt driver.Attempt) (*driver.Found, error) {
	switch {
	case attempt.User == "" || !utf8.ValidString(attempt.User):
		return nil, driver.UnknownUser
	case !attempt.ByCertificate && (attempt.Password == "" || !utf8.ValidString(attempt.Password)):
		return nil, driver.WrongPassword
	}
	question := newQuestion(attempt)
	user, err := s.known.get(question, func() (*driver.User, error) { return s.ask(ctx, question) })
	if err != nil && !errors.Is(err, driver.ErrDenied) {
		return nil, fmt.Errorf("httpusers: %s: %w", s.target.Host, err)
	}
	if err != nil {
		return nil, err
	}
	return &driver.Found{User: user, Check: func(_ context.Context, password string) (bool, error) {
		return !attempt.ByCertificate && subtle.ConstantTimeCompare([]byte(password), []byte(attempt.Password)) == 1, nil
	}}, nil
}

func (s *Source) ask(ctx context.Context, question Question) (*driver.User, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("all %d connections are in use: %w", s.opts.Connections, err)
	}
	defer s.slots.Release(1)
	response, err := s.send(ctx, http.MethodPost, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return s.read(response)
}

func (s *Source) send(ctx context.Context, method string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.opts.URL, bytes.NewReader(body))
	if err != nil {
		return nil, webhook.WithoutURL(err)
	}
	request.Header.Set("User-Agent", "Portico")
	if s.opts.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.opts.Token)
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept", "application/json")
		if s.opts.Secret != "" {
			webhook.Sign(request.Header, s.opts.Secret, body, time.Now())
		}
	}
	response, err := s.client.Do(request)
	return response, webhook.WithoutURL(err)
}

// longestAnswer is more than anything that is to be said of one user.
const longestAnswer = 64 << 10

// read returns the user whom an answer lets in, or a Denial. Everything that is
// not clearly one of the two is another error.
func (s *Source) read(response *http.Response) (*driver.User, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer+1))
	switch code := response.StatusCode; {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case len(body) > longestAnswer:
		return nil, fmt.Errorf("the answer is longer than %d bytes", longestAnswer)
	case code >= 300 && code < 400:
		return nil, fmt.Errorf("the answer is %s, which is not followed: set the URL to where it leads", response.Status)
	case !isAnswer(code):
		return nil, fmt.Errorf("the answer is %s, and should be 200, 401, 403 or 404", response.Status)
	case !isJSON(response.Header):
		return nil, fmt.Errorf("the answer %s is not application/json: is the URL right?", response.Status)
	case code == http.StatusUnauthorized:
		return nil, driver.WrongPassword
	case code == http.StatusForbidden:
		return nil, driver.AccountDisabled
	case code == http.StatusNotFound:
		return nil, driver.UnknownUser
	}
	account, err := readAccount(body)
	if err != nil {
		return nil, err
	}
	user, err := account.user(s.opts.Groups)
	if err != nil {
		return nil, fmt.Errorf("the account makes no sense: %w", err)
	}
	return user, nil
}

func isAnswer(code int) bool {
	return code == http.StatusOK || code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusNotFound
}

func isJSON(header http.Header) bool {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// Check finds out whether the server can be reached and verified, in Timeout. It
// asks about no user: it makes a HEAD request, to which any answer will do that
// does not say that the server behind is away.
func (s *Source) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	response, err := s.send(ctx, http.MethodHead, nil)
	if err != nil {
		return fmt.Errorf("httpusers: %s: %w", s.target.Host, err)
	}
	response.Body.Close()
	switch response.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("httpusers: %s: the answer is %s", s.target.Host, response.Status)
	}
	return nil
}

// InClear says whether passwords would cross a network unencrypted.
func (s *Source) InClear() bool { return s.target.Scheme == "http" && !isLocal(s.target.Hostname()) }
