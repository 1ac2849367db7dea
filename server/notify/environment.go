package notify

import (
	"cmp"
	"os"
	"strconv"
	"time"

	"github.com/portico-ftp/portico/server"
)

// environment is all that a command sees of an event and of the server's
// environment, which may hold secrets.
func environment(e server.Event) []string {
	client := ""
	if e.Client.IsValid() {
		client = e.Client.String()
	}
	return []string{
		"PATH=" + cmp.Or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin"),
		"HOME=" + cmp.Or(os.Getenv("HOME"), "/"),
		"LANG=" + cmp.Or(os.Getenv("LANG"), "C.UTF-8"),
		"PORTICO_EVENT=" + e.Kind.String(),
		"PORTICO_TIME=" + e.Time.UTC().Format(time.RFC3339Nano),
		"PORTICO_USER=" + e.User,
		"PORTICO_HOST=" + e.Host,
		"PORTICO_CLIENT=" + client,
		"PORTICO_PATH=" + e.Path,
		"PORTICO_TARGET=" + e.Target,
		"PORTICO_FILE=" + e.File,
		"PORTICO_TARGET_FILE=" + e.TargetFile,
		"PORTICO_BYTES=" + strconv.FormatInt(e.Bytes, 10),
		"PORTICO_DURATION=" + strconv.FormatFloat(e.Duration.Seconds(), 'f', 3, 64),
		"PORTICO_SESSION_ID=" + strconv.FormatUint(e.SessionID, 10),
		"PORTICO_TLS=" + strconv.FormatBool(e.TLS),
	}
}
