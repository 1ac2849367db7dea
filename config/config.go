package config

import (
	"net/netip"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// Config is the configuration of one server. Load or Default makes one; the
// zero value listens nowhere and fails Validate. It is plain data: safe to
// read from several goroutines while nobody writes.
type Config struct {
	// Listeners are the control addresses. At least one.
	Listeners []Listener `mapstructure:"listeners"`
	// Passive settles passive mode (PASV and EPSV).
	Passive Passive `mapstructure:"passive"`
	// Active settles active mode (PORT and EPRT).
	Active Active `mapstructure:"active"`
	// TLS settles encryption.
	TLS TLS `mapstructure:"tls"`
	// Users are the accounts. Their names are unique.
	Users []User `mapstructure:"users"`
	// Groups are what users have who do not settle it themselves, those of Auth
	// and of hosts too. Their names are unique.
	Groups []Group `mapstructure:"groups"`
	// Auth settles where users come from beside Users.
	Auth Auth `mapstructure:"auth"`
	// Hosts are virtual hosts (RFC 7151): servers of their own behind the same
	// addresses. Their names are unique.
	Hosts []Host `mapstructure:"hosts"`
	// Buckets are those of object stores that homes and mounts can be in. Their
	// names are unique.
	Buckets []Bucket `mapstructure:"buckets"`
	// QuotaFile is the file in which the use of quotas is counted across
	// restarts. It is made if it is missing.
	QuotaFile Path `mapstructure:"quota_file"`
	// Hooks tell programs and web servers of what clients have done.
	Hooks []Hook `mapstructure:"hooks"`
	// Limits bounds what clients may use and how long they may take.
	Limits Limits `mapstructure:"limits"`
	// Shared settles what several servers share.
	Shared Shared `mapstructure:"shared"`
	// Defence settles who may connect, and who no longer may after an attack.
	Defence Defence `mapstructure:"defence"`
	// Sandbox confines the process: "auto" as far as the system can, "required"
	// or it does not start, "off" not at all.
	Sandbox string `mapstructure:"sandbox" oneof:"auto required off"`
	// SandboxAllow is what the sandbox leaves to the process beyond what the
	// rest of the configuration needs.
	SandboxAllow SandboxAllow `mapstructure:"sandbox_allow"`
	// Admin settles the admin interface.
	Admin Admin `mapstructure:"admin"`
	// Log settles the log.
	Log Log `mapstructure:"log"`
	// Tracing settles OpenTelemetry traces.
	Tracing Tracing `mapstructure:"tracing"`
	// Banner is the text of the greeting (220), one line. Empty: the server's
	// own.
	Banner string `mapstructure:"banner"`
	// PIDFile holds the process id of the server, and is locked while it runs.
	// With it, `portico upgrade` can replace the server without a gap. Empty:
	// none, and it cannot be replaced.
	PIDFile Path `mapstructure:"pid_file"`
	// ReloadOnChange reads the configuration again when its file has changed, and
	// not on SIGHUP alone.
	ReloadOnChange bool `mapstructure:"reload_on_change"`
	// Drain settles how the server stops.
	Drain Drain `mapstructure:"drain"`

	// sources says for each key that was set where that happened.
	sources map[string]string
}

// Listener is one control address.
type Listener struct {
	// Address is "host:port" with a numeric port; an empty host is every
	// address of the machine, IPv4 and IPv6.
	Address string `mapstructure:"address"`
	// ImplicitTLS starts TLS before the greeting. It needs a certificate.
	ImplicitTLS bool `mapstructure:"implicit_tls"`
	// ProxyProtocol names the networks of load balancers whose PROXY header
	// is believed. Data connections from the networks of all listeners must
	// carry one, too. Empty: no PROXY protocol.
	ProxyProtocol []netip.Prefix `mapstructure:"proxy_protocol"`
}

// Passive settles passive mode.
type Passive struct {
	// Ports are the listen ports of data connections, "21100-21149,21160".
	// Empty: passive mode is off.
	Ports portalloc.PortList `mapstructure:"ports"`
	// AdvertisedPorts are what clients are told instead, as many as Ports and
	// in the same order. Empty: the same ports.
	AdvertisedPorts portalloc.PortList `mapstructure:"advertised_ports"`
	// Slice makes this server one of several replicas, each with a slice of Ports
	// of its own, so that the port of a data connection says whose it is: "auto",
	// or the ordinal of this replica. With "auto" the ordinal is the environment
	// variable POD_INDEX, or the number behind the last dash of the host name, as
	// the pods of a StatefulSet have one. Empty: all ports are this server's.
	Slice Slice `mapstructure:"slice"`
	// SlicePorts is how many ports a slice has. In the order of Ports, the first
	// so many are those of the replica of ordinal 0, and so on; AdvertisedPorts
	// are sliced alike. It is needed with Slice.
	SlicePorts int `mapstructure:"slice_ports"`
	// PublicAddress says which address clients are told; the first rule that
	// matches wins. Empty: the control connection's local address.
	PublicAddress AddressRules `mapstructure:"public_address"`
	// Sharing says whether clients may share a port while no connection could
	// belong to two of them: "auto" if so, "exclusive" never.
	Sharing portalloc.Sharing `mapstructure:"sharing"`
	// Peer says from where a data connection may come: "exact", "any", or the
	// networks inside which its address may differ from the client's.
	Peer portalloc.PeerPolicy `mapstructure:"peer"`
	// Wait is how long PASV waits for a free port. Zero: not at all.
	Wait time.Duration `mapstructure:"wait"`
	// AcceptTimeout is how long a port waits for its data connection.
	AcceptTimeout time.Duration `mapstructure:"accept_timeout"`
	// ReclaimAfter is how long a port that still waits for its data connection
	// is safe from being taken back while others wait for a port.
	ReclaimAfter time.Duration `mapstructure:"reclaim_after"`
}

// Active settles active mode.
type Active struct {
	// Enabled allows PORT and EPRT.
	Enabled bool `mapstructure:"enabled"`
	// SourcePort is the local port of active data connections: "auto" (20 where
	// this process may bind it, else any), "ephemeral", or a number, which must
	// then work.
	SourcePort SourcePort `mapstructure:"source_port"`
	// ForeignAddress allows PORT and EPRT to name another host than the
	// client's (server-to-server transfers), and the bounce attack with them.
	ForeignAddress bool `mapstructure:"foreign_address"`
}

// TLS settles encryption. With neither Certificate nor SelfSigned there is
// none.
type TLS struct {
	// Certificate is a PEM file with the server's certificate and the chain
	// that signs it.
	Certificate Path `mapstructure:"certificate"`
	// Key is the PEM file with the certificate's private key.
	Key Path `mapstructure:"key"`
	// SelfSigned makes a certificate in memory at each start, for trials:
	// clients cannot verify it.
	SelfSigned bool `mapstructure:"self_signed"`
	// MinVersion is the oldest TLS version that is accepted.
	MinVersion string `mapstructure:"min_version" oneof:"1.2 1.3"`
	// Require says what may not go in clear: "none"; "login", so neither name
	// nor password; "data", so no transfer either.
	Require string `mapstructure:"require" oneof:"none login data"`
	// SessionReuse says what TLS session resumption on data connections is
	// used for: "auto" lets clients that resume share ports, "required"
	// refuses those that do not, "off" ignores it.
	SessionReuse string `mapstructure:"session_reuse" oneof:"auto required off"`
	// ClientCA is a PEM file with the authorities of client certificates.
	ClientCA Path `mapstructure:"client_ca"`
	// ClientCertificates says what ClientCA is for: "required" refuses clients
	// without a certificate of one of the authorities, "optional" those alone
	// that present another one. It counts for the hosts as well.
	ClientCertificates string `mapstructure:"client_certificates" oneof:"required optional"`
	// AllowCCC lets clients take TLS off the control connection after login
	// (RFC 4217 §6), so that a firewall can read it. Everybody else can, too.
	AllowCCC bool `mapstructure:"allow_ccc"`
}

// Offered says whether the server has a certificate to offer.
func (t TLS) Offered() bool { return t.Certificate != "" || t.SelfSigned }

// Host is a virtual host. What it leaves out, it has from the server.
type Host struct {
	// Name is the domain name by which clients ask for it, with HOST or in the
	// TLS handshake. Case does not matter.
	Name string `mapstructure:"name"`
	// Certificate is a PEM file as TLS.Certificate is. Empty: the server's.
	Certificate Path `mapstructure:"certificate"`
	// Key is the PEM file with the certificate's private key.
	Key Path `mapstructure:"key"`
	// ClientCA is a PEM file as TLS.ClientCA is. Empty: the server's.
	ClientCA Path `mapstructure:"client_ca"`
	// Banner is the text of the greeting. Empty: the server's.
	Banner string `mapstructure:"banner"`
	// Users are the accounts that this host alone has, and its only ones.
	// Empty: the server's.
	Users []User `mapstructure:"users"`
}

// Log settles the logs: the ordinary one, and those that have a file each. A file
// is only added to, in whole lines, and the signal USR1 has all of them opened
// anew after they were moved away.
type Log struct {
	// Level is the least severity that is logged.
	Level string `mapstructure:"level" oneof:"debug info warn error"`
	// Format is "console" for people or "json" for programs.
	Format string `mapstructure:"format" oneof:"console json"`
	// File is where the log goes. Empty: to standard error.
	File Path `mapstructure:"file"`
	// Sampling is "auto" to leave lines out of the log in a flood: of the lines
	// below error that have the same message, 100 in a second are written, and
	// each hundredth of the others; how many were left out is logged. "off"
	// writes all. The other logs are always complete.
	Sampling string `mapstructure:"sampling" oneof:"auto off"`
	// Commands is a file for a log of all commands, a line of JSON for each.
	// Empty: they are in the ordinary log, at the level debug.
	Commands Path `mapstructure:"commands"`
	// Audit is a file for security events, a line of JSON for each. Empty: they
	// are in the ordinary log alone, in other words.
	Audit Path `mapstructure:"audit"`
	// Xferlog is a file with a line for each transfer and deletion of a file, in
	// the format of wu-ftpd, vsftpd and ProFTPD. Empty: none.
	Xferlog Path `mapstructure:"xferlog"`
	// W3C is a file with a line for each transfer, deletion, renaming and new
	// directory, in the W3C extended format as IIS writes it. Empty: none.
	W3C Path `mapstructure:"w3c"`
}
