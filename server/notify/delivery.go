package notify

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-ftp/portico/server"
)

// delivery is the body of a request.
type delivery struct {
	// ID tells deliveries apart. It is in the body because the signature
	// covers the body.
	ID string `json:"id"`
	server.Event
	// PathBytes and the like are the paths of the event, in base64, where JSON
	// cannot carry them because they are not UTF-8.
	PathBytes       []byte `json:"path_base64,omitempty"`
	TargetBytes     []byte `json:"target_base64,omitempty"`
	FileBytes       []byte `json:"file_base64,omitempty"`
	TargetFileBytes []byte `json:"target_file_base64,omitempty"`
}

func newDelivery(e server.Event) delivery {
	return delivery{
		ID: rand.Text(), Event: e,
		PathBytes: ifNotUTF8(e.Path), TargetBytes: ifNotUTF8(e.Target),
		FileBytes: ifNotUTF8(e.File), TargetFileBytes: ifNotUTF8(e.TargetFile),
	}
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

// deliveryHead is what has to be known of a delivery to post it.
type deliveryHead struct {
	kind server.EventKind
	time time.Time // of the event
}

// readHead reads it from the body of the delivery with the given id. An error
// means that the body is damaged.
func readHead(id string, body []byte) (deliveryHead, error) {
	var read struct {
		ID   string            `json:"id"`
		Kind *server.EventKind `json:"event"`
		Time time.Time         `json:"time"`
	}
	if err := json.Unmarshal(body, &read); err != nil {
		return deliveryHead{}, err
	}
	if read.ID != id {
		return deliveryHead{}, fmt.Errorf("its id %q is not that of its name", read.ID)
	}
	if read.Kind == nil {
		return deliveryHead{}, errors.New("it names no event")
	}
	return deliveryHead{*read.Kind, read.Time}, nil
}
