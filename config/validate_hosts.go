package config

import (
	"fmt"
	"strings"
)

func (v *validation) checkHosts() {
	first := map[string]int{}
	for i, h := range v.Hosts {
		key := fmt.Sprintf("hosts[%d]", i)
		v.checkHostName(key+".name", h.Name)
		name := strings.ToLower(h.Name)
		if j, seen := first[name]; seen && name != "" {
			v.add(key+".name", "%q is also the name of hosts[%d]: give each host a name of its own", h.Name, j)
		} else {
			first[name] = i
		}
		v.checkPair(key, h.Certificate, h.Key)
		v.checkBanner(key+".banner", h.Banner)
		v.checkUsers(key+".users", h.Users, h.ClientCA != "" || v.TLS.ClientCA != "")
	}
}

func (v *validation) checkHostName(key, name string) {
	switch {
	case name == "":
		v.add(key, "is missing: write the domain name by which clients ask for the host")
	case strings.HasSuffix(name, ".") || !isHostName(name):
		v.add(key, "%q is not a domain name: write it as ftp.example.org", name)
	}
}
