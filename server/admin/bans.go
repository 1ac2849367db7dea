package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/portico-ftp/portico/server/guard"
)

func (a *Admin) serveBans(w http.ResponseWriter, _ *http.Request) {
	bans := a.opts.Bans.Bans()
	if bans == nil {
		bans = []guard.Ban{}
	}
	answer(w, http.StatusOK, map[string]any{"bans": bans})
}

// newBan is what POST /bans takes.
type newBan struct {
	Network string `json:"network"`
	// Seconds is how long the ban lasts. 0: for good.
	Seconds int64  `json:"seconds"`
	Reason  string `json:"reason"`
}

// maxBanSeconds is a century, so that times stay such as can be written.
const maxBanSeconds = 100 * 365 * 24 * 3600

func (a *Admin) serveBanAdd(w http.ResponseWriter, r *http.Request) {
	var ban newBan
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&ban); err != nil {
		problem(w, http.StatusBadRequest, "The body is not what it should be, an object with network, seconds and reason: "+err.Error())
		return
	}
	network, err := bannable(ban.Network)
	if err == nil && a.opts.CheckBan != nil {
		err = a.opts.CheckBan(network)
	}
	switch {
	case err != nil:
		problem(w, http.StatusBadRequest, err.Error())
		return
	case ban.Seconds < 0 || ban.Seconds > maxBanSeconds:
		problem(w, http.StatusBadRequest, fmt.Sprintf("seconds is no number from 0 (for good) to %d.", maxBanSeconds))
		return
	case len(ban.Reason) > 500 || strings.ContainsFunc(ban.Reason, func(r rune) bool { return r < ' ' }):
		problem(w, http.StatusBadRequest, "reason is longer than 500 bytes or holds control characters.")
		return
	}
	var until time.Time
	if ban.Seconds > 0 {
		until = time.Now().Add(time.Duration(ban.Seconds) * time.Second)
	}
	a.opts.Bans.Add(network, until, ban.Reason)
	answer(w, http.StatusCreated, map[string]any{"banned": network})
}

// bannable reads a network to ban. One address of IPv6 stands for its /64, from
// which its owner may take any.
func bannable(text string) (netip.Prefix, error) {
	network, err := guard.ParseNetwork(text)
	switch {
	case err != nil:
		return network, err
	case network.Bits() == 0:
		return network, fmt.Errorf("%v is everybody: set defence.only to serve some networks only", network)
	case network.IsSingleIP():
		return guard.NetworkOf(network.Addr()), nil
	default:
		return network, nil
	}
}

func (a *Admin) serveBanDel(w http.ResponseWriter, r *http.Request) {
	network, err := guard.ParseNetwork(r.URL.Query().Get("network"))
	if err != nil {
		problem(w, http.StatusBadRequest, "?network= names no network: "+err.Error())
		return
	}
	lifted := a.opts.Bans.Lift(network)
	if !lifted && network.IsSingleIP() {
		network = guard.NetworkOf(network.Addr())
		lifted = a.opts.Bans.Lift(network)
	}
	if !lifted {
		problem(w, http.StatusNotFound, fmt.Sprintf("%v has no ban of its own.", network))
		return
	}
	answer(w, http.StatusOK, map[string]any{"lifted": network})
}
