package server

import (
	"errors"
	"fmt"

	"github.com/portico-ftp/portico/driver"
)

// siteQUOTA tells how much of a storage is used and how much may be. Without a
// path it is that of the current directory.
func (s *session) siteQUOTA(_ command, arg string) {
	quota, err := s.files.Quota(s.abs(arg))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		s.reply(200, "There is no quota here.")
	case err != nil:
		s.replyError(550, err)
	default:
		s.replyLines(211, "Quota of "+s.abs(arg)+":", quotaLines(quota), "End")
	}
}

func quotaLines(q driver.Quota) []string {
	return []string{
		"Bytes: " + share(q.Bytes, q.MaxBytes),
		"Files: " + share(q.Files, q.MaxFiles),
	}
}

func share(used, limit int64) string {
	if limit == 0 {
		return fmt.Sprintf("%d used, no limit", used)
	}
	return fmt.Sprintf("%d used of %d, %d left", used, limit, max(limit-used, 0))
}
