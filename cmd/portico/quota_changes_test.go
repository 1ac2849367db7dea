package main

import (
	"testing"

	"github.com/portico-ftp/portico/driver/quota"
)

func TestQuotaChangesAreSummedUpAndSent(t *testing.T) {
	t.Parallel()
	sums := map[string]quota.Usage{}
	c := newQuotaChanges()
	c.add("alice", quota.Usage{Bytes: 100, Files: 1}) // before anybody listens
	go c.send(func(m message) {
		for name, change := range m.Quotas {
			sums[name] = quota.Usage{Bytes: sums[name].Bytes + change.Bytes, Files: sums[name].Files + change.Files}
		}
	})
	for range 1000 {
		c.add("alice", quota.Usage{Bytes: -1})
		c.add("bob", quota.Usage{Bytes: 2, Files: 1})
	}
	c.close()
	if sums["alice"] != (quota.Usage{Bytes: -900, Files: 1}) || sums["bob"] != (quota.Usage{Bytes: 2000, Files: 1000}) {
		t.Errorf("sent %v", sums)
	}
}
