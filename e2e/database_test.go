//go:build unix

package e2e

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
)

const databasePassword = "database-secret"

// database is a server of databases that the test has made, on a port of
// loopback, run by the unprivileged user.
type database struct {
	t       *testing.T
	dir     string
	port    int
	command []string
	stopBy  syscall.Signal
	dsn     string
	sql     *sql.DB // of the owner
	cmd     *exec.Cmd
	said    output
}

// newDatabase makes the folder of a server and finds its program.
func newDatabase(t *testing.T, program string) (*database, string) {
	t.Helper()
	path, err := exec.LookPath(program)
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/sbin"} { // outside of PATH in Debian
		if found, _ := filepath.Glob(filepath.Join(pattern, program)); err != nil && len(found) > 0 {
			path, err = found[len(found)-1], nil
		}
	}
	if err != nil && inCI() {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp(suite.dir, "database-")
	if err == nil {
		err = suite.identity.own(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &database{t: t, dir: dir, port: suite.ports.take(t, 1).first, stopBy: syscall.SIGINT}, path
}

// newPostgres makes a cluster with a database "ftp", and starts it.
func newPostgres(t *testing.T) *database {
	t.Helper()
	d, initdb := newDatabase(t, "initdb")
	data, password := filepath.Join(d.dir, "data"), filepath.Join(d.dir, "password")
	if err := os.WriteFile(password, []byte(databasePassword), 0o644); err != nil {
		t.Fatal(err)
	}
	d.run(nil, initdb, "-D", data, "-U", "portico", "--auth=scram-sha-256", "--pwfile="+password, "--no-sync", "--no-locale", "--encoding=UTF8")
	d.command = []string{
		filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", fmt.Sprint(d.port), "-F",
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
	}
	d.dsn = fmt.Sprintf("postgres://portico:%s@127.0.0.1:%d/postgres?sslmode=disable", databasePassword, d.port)
	d.open("pgx")
	d.start()
	return d
}

// newMariaDB makes a server with a database "pureftpd", and starts it. It does by
// itself what mariadb-install-db does, which is another package of Debian's.
func newMariaDB(t *testing.T) *database {
	t.Helper()
	d, mariadbd := newDatabase(t, "mariadbd")
	base := []string{mariadbd, "--no-defaults", "--datadir=" + d.dir, "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0"}
	tables := []byte("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n")
	for _, file := range []string{"mysql_system_tables.sql", "mysql_system_tables_data.sql"} {
		text, err := os.ReadFile(filepath.Join("/usr/share/mysql", file))
		if err != nil {
			t.Skip(err)
		}
		tables = append(tables, text...)
	}
	tables = append(tables, []byte("CREATE DATABASE pureftpd;\nFLUSH PRIVILEGES;\nCREATE USER portico@'127.0.0.1' IDENTIFIED BY '"+databasePassword+"';\nGRANT ALL ON pureftpd.* TO portico@'127.0.0.1';\n")...)
	d.run(tables, append(base, "--bootstrap")...)
	d.command = append(base, "--port="+fmt.Sprint(d.port), "--bind-address=127.0.0.1", "--skip-name-resolve",
		"--socket="+filepath.Join(d.dir, "socket"), "--pid-file="+filepath.Join(d.dir, "pid"))
	d.stopBy = syscall.SIGTERM
	d.dsn = fmt.Sprintf("portico:%s@tcp(127.0.0.1:%d)/pureftpd", databasePassword, d.port)
	d.open("mysql")
	d.start()
	return d
}

// run runs a program of the database's to its end.
func (d *database) run(stdin []byte, command ...string) {
	d.t.Helper()
	cmd := d.process(command)
	cmd.Stdin = bytes.NewReader(stdin)
	if err := cmd.Run(); err != nil {
		d.t.Fatalf("%s: %v\n%s", command[0], err, d.said.String())
	}
}

func (d *database) process(command []string) *exec.Cmd {
	cmd := exec.Command(command[0], command[1:]...)
	suite.identity.apply(cmd)
	cmd.Dir, cmd.Env = d.dir, cleanEnvironment(d.dir)
	cmd.Stdout, cmd.Stderr = &d.said, &d.said
	return cmd
}

func (d *database) open(driver string) {
	d.t.Helper()
	var err error
	if d.sql, err = sql.Open(driver, d.dsn); err != nil {
		d.t.Fatal(err)
	}
	d.sql.SetMaxIdleConns(0) // so that none keeps the server from ending
	d.t.Cleanup(func() {
		_ = d.sql.Close()
		d.stop()
	})
}

func (d *database) start() {
	d.t.Helper()
	d.cmd = d.process(d.command)
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	eventually(d.t, startTimeout, "the database answers", func() bool { return d.sql.PingContext(d.t.Context()) == nil })
}

// stop ends the server, if it runs.
func (d *database) stop() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	_ = d.cmd.Process.Signal(d.stopBy)
	_ = d.cmd.Wait()
	d.cmd = nil
	if d.t.Failed() {
		said := d.said.String()
		d.t.Logf("the end of the database's log:\n%s", said[max(0, len(said)-logTail):])
	}
}

// exec runs statements one by one.
func (d *database) exec(statements string) {
	d.t.Helper()
	for statement := range strings.SplitSeq(statements, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := d.sql.ExecContext(d.t.Context(), statement); err != nil {
			d.t.Fatalf("%s: %v", statement, err)
		}
	}
}
