package doctor

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// scripted is an FTP server that behaves, but for the verbs that a test gives
// it another behaviour for. "" is the greeting.
type scripted struct {
	t        *testing.T
	verbs    map[string]verb
	listener net.Listener
	address  string
	sessions sync.WaitGroup
}

// verb answers a command. False ends the session.
type verb func(s *scriptedSession, arg string) bool

type scriptedSession struct {
	*scripted
	conn    net.Conn
	reader  *bufio.Reader
	passive net.Listener
	active  string
}

// startScripted serves on 127.0.0.1 until the test ends.
func startScripted(t *testing.T, changes map[string]verb) *scripted {
	t.Helper()
	s := &scripted{t: t, verbs: honestVerbs()}
	for name, change := range changes {
		s.verbs[name] = change
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.address = s.listener.Addr().String()
	s.sessions.Go(s.serve)
	t.Cleanup(func() {
		s.listener.Close()
		s.sessions.Wait()
	})
	return s
}

func (s *scripted) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.sessions.Go(func() { s.converse(conn) })
	}
}

func (s *scripted) converse(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute)) // of a test that has gone wrong
	session := &scriptedSession{scripted: s, conn: conn, reader: bufio.NewReader(conn)}
	defer session.forget()
	for name, arg := "", ""; s.answer(session, name, arg); {
		line, err := session.reader.ReadString('\n')
		if err != nil {
			return
		}
		name, arg, _ = strings.Cut(strings.TrimSpace(line), " ")
	}
}

func (s *scripted) answer(session *scriptedSession, name, arg string) bool {
	behave, known := s.verbs[strings.ToUpper(name)]
	if !known {
		return session.say("500 What is " + name + "?")
	}
	return behave(session, arg)
}

func (s *scriptedSession) say(lines ...string) bool {
	_, err := io.WriteString(s.conn, strings.Join(lines, "\r\n")+"\r\n")
	return err == nil
}

func (s *scriptedSession) forget() {
	if s.passive != nil {
		s.passive.Close()
		s.passive = nil
	}
	s.active = ""
}

// lease opens a passive port.
func (s *scriptedSession) lease() int {
	s.forget()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Error(err)
		return 1
	}
	s.passive = l
	return l.Addr().(*net.TCPAddr).Port
}

// data opens what the last PASV, EPSV, PORT or EPRT has settled.
func (s *scriptedSession) data() (net.Conn, error) {
	if s.active != "" {
		return net.DialTimeout("tcp", s.active, 5*time.Second)
	}
	if s.passive == nil {
		return nil, io.EOF
	}
	s.passive.(*net.TCPListener).SetDeadline(time.Now().Add(5 * time.Second))
	return s.passive.Accept()
}

func says(lines ...string) verb {
	return func(s *scriptedSession, _ string) bool { return s.say(lines...) }
}

// hangs answers nothing until the client leaves.
func hangs(s *scriptedSession, _ string) bool {
	io.Copy(io.Discard, s.reader)
	return false
}

func closes(*scriptedSession, string) bool { return false }

// floods sends a reply of 10 MiB.
func floods(s *scriptedSession, _ string) bool {
	line := "211-" + strings.Repeat("x", 1000)
	for range 10 << 10 {
		if !s.say(line) {
			return false
		}
	}
	return s.say("211 End")
}

func honestVerbs() map[string]verb {
	return map[string]verb{
		"":     says("220 Scripted"),
		"USER": says("331 Password, please"),
		"PASS": says("230 Welcome"),
		"TYPE": says("200 Type set"),
		"FEAT": says("211-Features:", " EPSV", " UTF8", "211 End"),
		"NOOP": says("200 Still here"),
		"QUIT": func(s *scriptedSession, _ string) bool { s.say("221 Bye"); return false },
		"EPSV": func(s *scriptedSession, _ string) bool { return s.say(fmt.Sprintf("229 Extended (|||%d|)", s.lease())) },
		"PASV": announces("127,0,0,1"),
		"PORT": func(s *scriptedSession, arg string) bool {
			to, err := parse227(arg)
			if err != nil {
				return s.say("501 Bad")
			}
			s.forget()
			s.active = net.JoinHostPort(to.addr.String(), fmt.Sprint(to.port))
			return s.say("200 PORT taken")
		},
		"EPRT": func(s *scriptedSession, arg string) bool {
			fields := strings.Split(arg, "|")
			if len(fields) != 5 {
				return s.say("501 Bad")
			}
			s.forget()
			s.active = net.JoinHostPort(fields[2], fields[3])
			return s.say("200 EPRT taken")
		},
		"LIST": sends("-rw-r--r-- 1 ftp ftp 12 Jan 01 00:00 hello.txt\r\n"),
	}
}

// announces answers PASV with an address.
func announces(address string) verb {
	return func(s *scriptedSession, _ string) bool {
		port := s.lease()
		return s.say(fmt.Sprintf("227 Passive (%s,%d,%d)", address, port>>8, port&0xff))
	}
}

// sends transfers a content to the client.
func sends(content string) verb {
	return func(s *scriptedSession, _ string) bool {
		conn, err := s.data()
		if err != nil {
			return s.say("425 No data connection")
		}
		defer conn.Close()
		s.say("150 Here it comes")
		io.WriteString(conn, content)
		conn.Close()
		return s.say("226 That was all")
	}
}

// takes reads an upload, and gives it to keep.
func takes(keep func(name string, content []byte)) verb {
	return func(s *scriptedSession, name string) bool {
		conn, err := s.data()
		if err != nil {
			return s.say("425 No data connection")
		}
		defer conn.Close()
		s.say("150 Send it")
		content, err := io.ReadAll(conn)
		if err != nil {
			return s.say("426 Broken")
		}
		keep(name, content)
		return s.say("226 Have it")
	}
}
