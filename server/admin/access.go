package admin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server/guard"
)

// identity is who asks.
type identity struct {
	name string
	role Role
}

// authorize says who asks, or answers those who may not.
func (a *Admin) authorize(w http.ResponseWriter, r *http.Request, need Role) (identity, bool) {
	who := identity{name: "local", role: RoleAdmin}
	if a.wantsCertificates() {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			problem(w, http.StatusUnauthorized, "A client certificate is required.")
			return who, false
		}
		who.name = r.TLS.VerifiedChains[0][0].Subject.CommonName
	}
	switch {
	case len(a.tokens) > 0:
		token, ok := a.checkToken(w, r)
		if !ok {
			return who, false
		}
		who = identity{token.name, token.role}
	case !a.wantsCertificates() && !isLocalName(r):
		problem(w, http.StatusForbidden, "Without tokens this interface answers to addresses and to localhost alone, not to other names.")
		return who, false
	}
	if who.role < need {
		problem(w, http.StatusForbidden, fmt.Sprintf("This takes the role %v, and yours is %v.", need, who.role))
		return who, false
	}
	return who, true
}

func (a *Admin) checkToken(w http.ResponseWriter, r *http.Request) (knownToken, bool) {
	network, now := peerNetwork(r), time.Now()
	if wait := a.guesses.blocked(network, now); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		problem(w, http.StatusTooManyRequests, "Too many wrong tokens came from your address; wait a minute.")
		return knownToken{}, false
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	isBearer := strings.EqualFold(scheme, "Bearer")
	if isBearer {
		if token, ok := match(a.tokens, secret); ok {
			return token, true
		}
	}
	if isBearer && secret != "" {
		a.guesses.add(network, now)
		a.log.Warn("wrong token", zap.String("remote_addr", r.RemoteAddr), zap.String("path", r.URL.Path))
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="portico"`)
	problem(w, http.StatusUnauthorized, "A token is required, in the header Authorization: Bearer TOKEN.")
	return knownToken{}, false
}

// peerNetwork is whom wrong tokens count for: an address, in IPv6 its /64. All
// of a unix socket are one.
func peerNetwork(r *http.Request) netip.Prefix {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	return guard.NetworkOf(peer.Addr().Unmap().WithZone(""))
}

// isLocalName keeps away pages whose name leads to this machine (DNS rebinding):
// they cannot use its address for a name. No browser connects to unix sockets.
func isLocalName(r *http.Request) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || strings.EqualFold(host, "localhost")
}

// maxBody is how much a request may send.
const maxBody = 1 << 20

// takeBody reads what a request that changes something sends, which has to be
// JSON: no page of another origin can send that without being asked.
func takeBody(w http.ResponseWriter, r *http.Request) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method == http.MethodPost && (err != nil || kind != "application/json") {
		problem(w, http.StatusUnsupportedMediaType, "Send the header Content-Type: application/json, even with an empty body.")
		return false
	}
	if r.ContentLength > maxBody {
		tooLarge(w)
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		tooLarge(w)
		return false
	case err != nil:
		problem(w, http.StatusBadRequest, "The body could not be read.")
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

func tooLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	problem(w, http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB.")
}
