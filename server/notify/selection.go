package notify

import (
	"fmt"
	"slices"

	"github.com/portico-ftp/portico/server"
)

// selection is a set of event kinds. An empty one holds them all.
type selection []server.EventKind

// newSelection checks the kinds that the option called setting holds.
func newSelection(setting string, kinds []server.EventKind) (selection, error) {
	for _, kind := range kinds {
		var known server.EventKind
		if err := known.UnmarshalText([]byte(kind.String())); err != nil {
			return nil, fmt.Errorf("notify: %s: %w", setting, err)
		}
	}
	return slices.Clone(kinds), nil
}

func (s selection) has(kind server.EventKind) bool {
	return len(s) == 0 || slices.Contains(s, kind)
}
