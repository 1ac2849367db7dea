package notify

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/portico-ftp/portico/server"
)

// delivery is the body of a request.
type delivery struct {
	// ID tells deliveries apart. It is in the body because the signature
	// covers the body.
	ID string `json:"id"`
	server.Event
	// PathBytes and TargetBytes are those of the event, in base64, where JSON
	// cannot carry them because they are not UTF-8.
	PathBytes   []byte `json:"path_base64,omitempty"`
	TargetBytes []byte `json:"target_base64,omitempty"`
}

func newDelivery(e server.Event) delivery {
	return delivery{ID: rand.Text(), Event: e, PathBytes: ifNotUTF8(e.Path), TargetBytes: ifNotUTF8(e.Target)}
}

func ifNotUTF8(path string) []byte {
	if utf8.ValidString(path) {
		return nil
	}
	return []byte(path)
}

// isID says whether s could be the ID of a delivery (rand.Text).
func isID(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// kindOf reads the kind of event from the body of the delivery with the given
// id. An error means that the body is damaged.
func kindOf(id string, body []byte) (server.EventKind, error) {
	var read struct {
		ID   string            `json:"id"`
		Kind *server.EventKind `json:"event"`
	}
	if err := json.Unmarshal(body, &read); err != nil {
		return 0, err
	}
	if read.ID != id {
		return 0, fmt.Errorf("its id %q is not that of its name", read.ID)
	}
	if read.Kind == nil {
		return 0, errors.New("it names no event")
	}
	return *read.Kind, nil
}
