package portalloc

import "testing"

// A lease that nobody connects to costs nothing but itself.
func TestALeaseCosts(t *testing.T) {
	a, err := New(Options{Ports: PortList{{1, 100}}, Listen: listenSilently})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	claim := Claim{Client: nthClient(1)}
	if got := testing.AllocsPerRun(1000, func() {
		l, err := a.Acquire(t.Context(), claim)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}); got > 1 {
		t.Errorf("acquiring and closing a lease makes %v allocations, want 1: the lease", got)
	}
}
