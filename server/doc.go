// Package server is an FTP server to embed.
//
//	ports, err := portalloc.New(portalloc.Options{Ports: portalloc.PortList{{First: 21100, Last: 21199}}})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer ports.Close()
//	srv, err := server.New(server.Options{Auth: accounts, Ports: ports})
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Fatal(srv.ListenAndServe())
//
// # Model
//
// A session is the life of one control connection. At the first command that
// changes a single file it gets an engine (ftpserverlib) of its own. Every edge of
// the engine belongs to this package: the control connection hands it the lines
// that it is to see and rewords its replies; logins, directories, transfers and
// listings go past it. Accounts and files come from package driver, passive ports from
// package portalloc.
//
// A transfer uses one data connection. It begins with its command and ends with
// its final reply. Beside it ABOR, NOOP and STAT are answered, within 20 ms of its
// begin; other commands wait, and so does all that comes behind them: replies keep
// the order of the commands. ABOR acts at once even so.
//
// # How bytes travel
//
// CPU seconds per GiB of each way, pages in the cache, the best of six rounds
// (go run ./bench -only ways; Linux 6.18, two processors, nothing beside):
//
//	                                    tmpfs  ext4
//	RETR  sendfile                       0.34  0.26  taken in clear, TYPE I
//	      buffer of 256 KiB              0.45  0.39
//	STOR  splice                         0.42  0.45  taken once an upload is fast, in clear
//	      buffer of 256 KiB              0.57  0.50  taken at first, under TLS, and by quotas
//	      buffer of 4 MiB                0.49  0.47  taken where the kernel cannot copy
//	TLS   RETR, io.Copy to a tls.Conn    0.67  0.60
//	      RETR, records gathered         0.54  0.51  taken
//	      STOR, io.Copy from a tls.Conn  0.90  0.98
//	      STOR, records read ahead       0.98  0.90  taken
//
// Files that have to see their bytes, as those of quotas do, get blocks. Means,
// and the targets that are missed: docs/performance.md.
//
// # Life
//
// The names promise what they promise in net/http: Listen, Serve,
// ListenAndServe, Shutdown, Close, ErrServerClosed. Several servers may run in
// one process and may share an allocator.
//
// # Standards
//
//	RFC 854   Telnet                           telnet.go; options are ignored
//	RFC 959   File Transfer Protocol           commands*.go, transfer.go; not: SMNT, block and compressed mode
//	RFC 1123  Requirements, §4.1               commands*.go
//	RFC 1579  Firewall-friendly FTP            passive mode is never refused; ports in package portalloc
//	RFC 2228  FTP security extensions          AUTH, PBSZ, PROT in commands_access.go; not: ADAT, MIC, CONF, ENC
//	RFC 2389  FEAT and OPTS                    commands_info.go
//	RFC 2428  EPRT and EPSV                    commands_data.go
//	RFC 2577  Security considerations          commands_data.go (bounce), commands_access.go (guessing), portalloc (port stealing)
//	RFC 2640  Internationalization             names are UTF-8, or bytes as they come
//	RFC 3659  MDTM, SIZE, REST, MLST, MLSD     MDTM: the engine; commands_files.go, listing.go
//	RFC 4217  FTP over TLS                     commands_access.go, tls.go
//	RFC 7151  HOST                             host.go
//
// # Not here
//
// The package reads no configuration, opens no file by itself, and touches no
// firewall.
package server
