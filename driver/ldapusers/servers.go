package ldapusers

import (
	"sync"
	"time"
)

// avoidFor is how long a server that has failed is asked after the others.
const avoidFor = 30 * time.Second

// servers remembers which servers have failed, so that not every attempt has to
// wait for one that hangs.
type servers struct {
	list []server

	mu     sync.Mutex
	failed []time.Time // when last, zero for never; guarded by mu
}

func newServers(list []server) *servers {
	return &servers{list: list, failed: make([]time.Time, len(list))}
}

// inOrder returns the indices of all servers, those that have failed of late
// last.
func (s *servers) inOrder(now time.Time) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var order, avoided []int
	for i, failed := range s.failed {
		if !failed.IsZero() && now.Before(failed.Add(avoidFor)) {
			avoided = append(avoided, i)
		} else {
			order = append(order, i)
		}
	}
	return append(order, avoided...)
}

// note takes down how a server has done.
func (s *servers) note(index int, failed bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[index] = time.Time{}
	if failed {
		s.failed[index] = now
	}
}
