package doctor

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestAnHonestServerIsInOrder(t *testing.T) {
	t.Parallel()
	s := startScripted(t, nil)
	report := examined(t, Options{Target: targetAt(t, s.address), Timeout: short, ReadOnly: true})
	wantExit(t, report, ExitOK)
	wantCases(t, report, map[Case]Verdict{ServerActive: OK, ServerPassive: OK, ClientActive: OK, ClientPassive: OK})
	wantCheck(t, report, "tls", ExplicitTLS, Skipped, "offers none")
	wantCheck(t, report, "large-transfer", "", Skipped, "no file of 64 KiB")
	if report.Server != "Scripted" {
		t.Errorf("the server is %q", report.Server)
	}
}

// Whatever a server does, the examination ends in time and says what it was.
func TestLyingServers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		changes map[string]verb
		check   string
		verdict Verdict
		detail  string
		exit    int
	}{
		"no greeting":             {map[string]verb{"": hangs}, "greeting", Blocked, "timed out", ExitControl},
		"closes instead":          {map[string]verb{"": closes}, "greeting", Blocked, "closed the connection", ExitControl},
		"greets without end":      {map[string]verb{"": floods}, "greeting", Blocked, "without end", ExitControl},
		"is no FTP server":        {map[string]verb{"": says("SSH-2.0-OpenSSH_9.2")}, "greeting", Blocked, "does not speak FTP", ExitControl},
		"is too busy":             {map[string]verb{"": says("421 Too many")}, "greeting", Blocked, "421 Too many", ExitControl},
		"greets with stars":       {map[string]verb{"": says("220 ****************")}, "greeting", Warn, "rewrites", ExitFinding},
		"greets a terminal":       {map[string]verb{"": says("220 \x1b]0;gotcha\x07")}, "greeting", OK, "220 ?]0;gotcha?", ExitOK},
		"refuses the user":        {map[string]verb{"USER": says("530 No")}, "login", Blocked, "USER was answered 530", ExitLogin},
		"refuses the password":    {map[string]verb{"PASS": says("530 correct horse is wrong")}, "login", Blocked, "530 *** is wrong", ExitLogin},
		"hangs at the password":   {map[string]verb{"PASS": hangs}, "login", Blocked, "PASS was not answered in time", ExitLogin},
		"has no FEAT":             {map[string]verb{"FEAT": says("502 What?")}, "features", Skipped, "502", ExitOK},
		"FEAT without end":        {map[string]verb{"FEAT": floods}, "features", Warn, "without end", ExitFinding},
		"FEAT unanswered":         {map[string]verb{"FEAT": hangs}, "features", Warn, "timed out", ExitFinding},
		"no EPSV":                 {map[string]verb{"EPSV": says("500 What?")}, "epsv", Skipped, "does not have EPSV", ExitOK},
		"EPSV has no port":        {map[string]verb{"EPSV": says("425 None free")}, "epsv", Blocked, "425 None free", ExitPassive},
		"EPSV closes":             {map[string]verb{"EPSV": closes}, "epsv", Blocked, "closed the connection", ExitPassive},
		"EPSV nonsense":           {map[string]verb{"EPSV": says("229 Sure (|||sure|)")}, "epsv", Blocked, "not a number", ExitPassive},
		"PASV nonsense":           {map[string]verb{"PASV": says("227 Sure (1,2,3)")}, "pasv", Blocked, "no address", ExitPassive},
		"PASV above 255":          {map[string]verb{"PASV": says("227 (127,0,0,300,4,4)")}, "pasv", Blocked, "300 is above 255", ExitPassive},
		"PASV port 0":             {map[string]verb{"PASV": says("227 (127,0,0,1,0,0)")}, "pasv", Blocked, "port 0", ExitPassive},
		"PASV to SMTP":            {map[string]verb{"PASV": says("227 (127,0,0,1,0,25)")}, "pasv", Blocked, "another service", ExitPassive},
		"a private address":       {map[string]verb{"PASV": announces("10,1,2,3")}, "pasv-address", Warn, "10.1.2.3, not 127.0.0.1", ExitFinding},
		"nobody's address":        {map[string]verb{"PASV": announces("0,0,0,0")}, "pasv-address", Warn, "0.0.0.0", ExitFinding},
		"listing without end":     {onlyEPSV(endless), "epsv", OK, "1048576 bytes", ExitOK},
		"a listing that stalls":   {onlyEPSV(stalls), "epsv", Blocked, "stalled after 4 bytes", ExitPassive},
		"a listing that drips":    {onlyEPSV(drips), "epsv", Blocked, "too slow", ExitPassive},
		"LIST is forbidden":       {map[string]verb{"LIST": says("550 No")}, "epsv", Warn, "550 No", ExitFinding},
		"LIST unanswered":         {onlyEPSV(hangs), "epsv", Blocked, "did not see the connection", ExitPassive},
		"a data port that talks":  {map[string]verb{"EPSV": talks("SSH-2.0-OpenSSH_9.2\r\n")}, "epsv", Blocked, `says "SSH-2.0-OpenSSH_9.2"`, ExitPassive},
		"a data port that closes": {map[string]verb{"EPSV": talks("")}, "epsv", Blocked, "closed at once", ExitPassive},
		"a foreign data port":     {map[string]verb{"EPSV": foreign}, "epsv", Blocked, "something else answers there", ExitPassive},
		"a data port refused":     {map[string]verb{"EPSV": refusesData}, "epsv", Blocked, "is refused", ExitPassive},
		"active mode is off":      {map[string]verb{"EPRT": says("502 Off"), "PORT": says("502 Off")}, "port", Skipped, "does not take PORT", ExitOK},
		"active mode is refused":  {map[string]verb{"PORT": says("550 Off")}, "port", Blocked, "550 Off", ExitActive},
		"never connects":          {map[string]verb{"PORT": forgets}, "port", Blocked, "its connection was refused", ExitActive},
		"connects to nothing":     {map[string]verb{"EPRT": says("200 Sure"), "LIST": activeHangs}, "eprt", Blocked, "filtered", ExitActive},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startScripted(t, test.changes)
			report := examined(t, Options{Target: targetAt(t, s.address), Timeout: short, Leases: 2, ReadOnly: true})
			wantCheck(t, report, test.check, Plain, test.verdict, test.detail)
			wantExit(t, report, test.exit)
		})
	}
}

// onlyEPSV is a server with one way to a listing.
func onlyEPSV(list verb) map[string]verb {
	none := says("502 No")
	return map[string]verb{"LIST": list, "PASV": none, "EPRT": none, "PORT": none}
}

// endless lists 100 MiB, of which the client reads what it will.
func endless(s *scriptedSession, _ string) bool {
	conn, err := s.data()
	if err != nil {
		return s.say("425 No data connection")
	}
	defer conn.Close()
	s.say("150 Here it comes")
	block := bytes.Repeat([]byte("x"), 1<<20)
	for range 100 {
		if _, err := conn.Write(block); err != nil {
			return s.say("426 You left")
		}
	}
	return s.say("226 That was all")
}

// stalls sends a little and then nothing.
func stalls(s *scriptedSession, _ string) bool {
	conn, err := s.data()
	if err != nil {
		return s.say("425 No data connection")
	}
	defer conn.Close()
	s.say("150 Here it comes")
	io.WriteString(conn, "some")
	io.Copy(io.Discard, conn)
	return hangs(s, "")
}

// drips sends a byte whenever the client might give up.
func drips(s *scriptedSession, _ string) bool {
	conn, err := s.data()
	if err != nil {
		return s.say("425 No data connection")
	}
	defer conn.Close()
	s.say("150 Here it comes")
	for range time.Tick(short / 2) {
		if _, err := conn.Write([]byte("x")); err != nil {
			return s.say("426 You left")
		}
	}
	return false
}

// talks announces a port whose service greets, and hangs up.
func talks(greeting string) verb {
	return func(s *scriptedSession, _ string) bool {
		port := s.lease()
		listener := s.passive
		s.sessions.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				io.WriteString(conn, greeting)
				conn.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		})
		return s.say(fmt.Sprintf("229 (|||%d|)", port))
	}
}

// foreign announces the port of a service that waits for the client to talk.
func foreign(s *scriptedSession, _ string) bool {
	port := s.lease()
	other := s.passive
	s.passive = nil // so that LIST finds no connection
	s.t.Cleanup(func() { other.Close() })
	return s.say(fmt.Sprintf("229 (|||%d|)", port))
}

// refusesData announces a port on which nothing listens.
func refusesData(s *scriptedSession, _ string) bool {
	port := s.lease()
	s.forget()
	return s.say(fmt.Sprintf("229 (|||%d|)", port))
}

// forgets takes a PORT and connects nowhere.
func forgets(s *scriptedSession, _ string) bool {
	s.forget()
	return s.say("200 Sure")
}

// activeHangs lists in passive mode, and in active mode waits for a connection
// that it does not make.
func activeHangs(s *scriptedSession, arg string) bool {
	if s.passive == nil {
		return hangs(s, arg)
	}
	defer s.forget()
	return sends("x")(s, arg)
}

// A server that floods costs no memory: its reply is not read to the end.
func TestFloodsAreNotRead(t *testing.T) {
	t.Parallel()
	reader := strings.NewReader("220-" + strings.Repeat("x", 50<<20))
	if _, err := readReply(newReader(reader)); err == nil {
		t.Error("a reply of 50 MiB is accepted")
	}
	if read := 50<<20 - reader.Len(); read > 2*replyLimit {
		t.Errorf("%d bytes of it were read, want at most %d", read, 2*replyLimit)
	}
}

func TestUnreachableServers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	report := examined(t, Options{Target: targetAt(t, address), Timeout: short})
	c := wantCheck(t, report, "connect", Plain, Blocked, "is refused")
	if !strings.Contains(c.Remedy, "start the server") {
		t.Errorf("remedy %q", c.Remedy)
	}
	wantExit(t, report, ExitControl)
	wantCases(t, report, map[Case]Verdict{ServerActive: Skipped, ServerPassive: Skipped, ClientActive: Skipped, ClientPassive: Skipped})

	unknown := targetAt(t, address)
	unknown.Host = "portico.invalid"
	report = examined(t, Options{Target: unknown, Timeout: short})
	wantCheck(t, report, "resolve", "", Blocked, "has no address")
	wantExit(t, report, ExitControl)
}

// The time for everything is kept, and what it did not reach is said.
func TestDeadline(t *testing.T) {
	t.Parallel()
	s := startScripted(t, map[string]verb{"EPSV": hangs, "PASV": hangs, "EPRT": hangs, "PORT": hangs})
	started := time.Now()
	report := examined(t, Options{Target: targetAt(t, s.address), Timeout: 20 * time.Second, Deadline: time.Second})
	if took := time.Since(started); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	c := wantCheck(t, report, "pasv", Plain, Skipped, "time for the examination is over")
	if !strings.Contains(c.Remedy, "--deadline") {
		t.Errorf("remedy %q", c.Remedy)
	}
}
