package server

import "testing"

// A session is expected to resume only when its client has shown that it can.
func TestResumptionBelievesWhatIsShown(t *testing.T) {
	t.Parallel()
	var (
		fresh = tlsHandshake{resumed: true, renewed: true} // a download
		spent = tlsHandshake{resumed: true}                // an upload under TLS 1.3
		full  = tlsHandshake{renewed: true}
		bare  = tlsHandshake{} // an upload without resuming
	)
	for _, test := range []struct {
		name       string
		handshakes []tlsHandshake
		want       bool
	}{
		{"nothing seen", nil, false},
		{"a client that never resumes", []tlsHandshake{full, full, full}, false},
		{"one that resumes", []tlsHandshake{fresh}, true},
		{"its ticket is spent", []tlsHandshake{fresh, spent}, false},
		{"it could not resume, but has a new ticket", []tlsHandshake{fresh, spent, full}, true},
		{"it could not resume and has none", []tlsHandshake{fresh, spent, bare}, false},
		{"it resumes with a spent ticket", []tlsHandshake{spent, spent}, true},
		{"and goes on to do so", []tlsHandshake{spent, spent, spent, fresh, spent}, true},
		{"it disappoints", []tlsHandshake{spent, spent, bare}, false},
		{"it disappoints although it had a new ticket", []tlsHandshake{fresh, full}, false},
		{"it makes up for that", []tlsHandshake{fresh, full, fresh}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var r resumption
			for _, h := range test.handshakes {
				r.learn(h)
			}
			if got := r.isExpected(); got != test.want {
				t.Errorf("expected to resume: %v, want %v", got, test.want)
			}
		})
	}
	var r resumption
	r.learn(fresh)
	r.fail()
	if r.isExpected() {
		t.Error("expected to resume after a handshake that failed")
	}
}
