package doctor

import (
	"encoding/json"
	"io"

	"github.com/portico-ftp/portico/portalloc"
)

// Verdict is the outcome of a check. Text form: "ok", "warn", "blocked" or
// "skipped".
type Verdict string

const (
	// OK is what works.
	OK Verdict = "ok"
	// Warn is what works here and will not for everybody, or not for long.
	Warn Verdict = "warn"
	// Blocked is what does not work.
	Blocked Verdict = "blocked"
	// Skipped is what was not tried, or what the server does not have.
	Skipped Verdict = "skipped"
)

// Case is a way of an FTP session through a firewall. Text form: the name.
type Case string

const (
	// Control is the control connection, from the client to the server.
	Control Case = "control"
	// ServerActive: the server's side lets it connect to clients' ports.
	ServerActive Case = "server active"
	// ServerPassive: the server's side lets clients reach its passive ports.
	ServerPassive Case = "server passive"
	// ClientActive: the client's side lets the server reach the client's ports.
	ClientActive Case = "client active"
	// ClientPassive: the client's side lets it connect to passive ports.
	ClientPassive Case = "client passive"
)

func fourCases() []Case { return []Case{ServerActive, ServerPassive, ClientActive, ClientPassive} }

func passiveCases() []Case { return []Case{ServerPassive, ClientPassive} }

func activeCases() []Case { return []Case{ServerActive, ClientActive} }

// Area is what a check is about. It settles the exit code. Text form: the name.
type Area string

// The areas.
const (
	AreaControl  Area = "control"
	AreaLogin    Area = "login" // and TLS
	AreaPassive  Area = "passive"
	AreaActive   Area = "active"
	AreaTransfer Area = "transfer"
)

// Security is how a session is encrypted. Text form: the name.
type Security string

// The kinds of session.
const (
	Plain       Security = "plain"
	ExplicitTLS Security = "explicit TLS"
	ImplicitTLS Security = "implicit TLS"
)

// Check is the outcome of one check.
type Check struct {
	// Name says what was tried. The names are part of the JSON format.
	Name string `json:"check"`
	// Area is what it is about.
	Area Area `json:"area"`
	// Family and Security say in what kind of session; empty: in none.
	Family   Family   `json:"family,omitempty"`
	Security Security `json:"security,omitempty"`
	// Cases are those that the check speaks about. A blocked one with several
	// is blocked in one of them, and it cannot be told from here in which.
	Cases []Case `json:"cases"`
	// Verdict is the outcome.
	Verdict Verdict `json:"verdict"`
	// Detail is what was found.
	Detail string `json:"detail"`
	// Remedy is the one thing to do about it; empty where there is nothing.
	Remedy string `json:"remedy,omitempty"`
	// Ports are the passive ports that were tried, by what became of them.
	Ports map[string]portalloc.PortList `json:"ports,omitempty"`

	// unconnected says that the data connection did not come to be, which is
	// what firewalls do.
	unconnected bool
}

// CaseResult is what all checks together say about one of the four cases.
type CaseResult struct {
	Case    Case    `json:"case"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Remedy  string  `json:"remedy,omitempty"`
}

// Exit codes of a process that has made an examination. The first that applies
// counts.
const (
	ExitOK      = 0
	ExitUsage   = 1 // or any error that is not a finding
	ExitControl = 2 // no address of the server gives a control connection
	ExitLogin   = 3 // TLS or the login fails
	ExitPassive = 4 // passive mode is blocked
	ExitActive  = 5 // active mode is blocked
	ExitFinding = 6 // anything else that is not in order
)

// Report is the outcome of an examination.
type Report struct {
	// Target is the URL without the password.
	Target string `json:"target"`
	// Server is its greeting, shortened.
	Server string `json:"server,omitempty"`
	// ExitCode is one of the constants above.
	ExitCode int `json:"exit_code"`
	// Complete says that everything was tried for which there was a way. It is
	// false if the time was over first, or the examination interrupted.
	Complete bool `json:"complete"`
	// Cases are the four cases, always all and in the same order.
	Cases []CaseResult `json:"cases"`
	// Checks are in the order in which they were made.
	Checks []Check `json:"checks"`
}

// WriteJSON writes the report as one JSON object. Fields may be added to it;
// none will be renamed or removed.
func (r *Report) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
