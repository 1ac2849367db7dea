package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
)

// reaching is what it takes to talk to the server of a URL, nothing for what is
// none. A scheme has the port that is written in the URL, or its own.
func reaching(address string, ofScheme map[string]uint16) confine.Needs {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return confine.Needs{}
	}
	needs := resolving(parsed.Hostname())
	port := ofScheme[parsed.Scheme]
	if n, err := strconv.ParseUint(parsed.Port(), 10, 16); err == nil {
		port = uint16(n)
	}
	if port != 0 {
		needs.Connect = append(needs.Connect, confine.Port(port)...)
	}
	needs.Add(trustingAuthorities())
	return needs
}

// reachingWeb is reaching for a web server, or for the proxy in front of it that
// the environment names.
func reachingWeb(address string) confine.Needs {
	needs := reaching(address, webPorts())
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		needs.Add(reaching(os.Getenv(variable), webPorts()))
	}
	return needs
}

func webPorts() map[string]uint16 {
	return map[string]uint16{"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
}

// trustingAuthorities is what it takes to verify certificates of servers: where
// systems keep those of the authorities.
func trustingAuthorities() confine.Needs {
	needs := confine.Needs{Read: []string{
		"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/share/pki",
	}}
	needs.Read = append(needs.Read, filesOfEnvironment("SSL_CERT_FILE", "SSL_CERT_DIR")...)
	return needs
}

// bucketNeeds are object stores, and where their clients take keys from.
func (s *setup) bucketNeeds() confine.Needs {
	var needs confine.Needs
	for _, bucket := range s.config.Buckets {
		needs.Add(rereading(bucket.CredentialsFile))
		address, err := url.Parse(bucket.URL)
		if err != nil { // which was reported
			continue
		}
		needs.Add(reachingStore(address))
		if bucket.AccessKey == "" && bucket.CredentialsFile == "" {
			needs.Add(findingKeys())
		}
	}
	return needs
}

// reachingStore is the store itself, or the one that stands in for it.
func reachingStore(address *url.URL) confine.Needs {
	needs := reachingWeb("https://store.invalid")
	query := address.Query()
	for _, given := range []string{
		query.Get("endpoint"), query.Get("protocol") + "://" + query.Get("domain"),
		os.Getenv("AWS_ENDPOINT_URL"), os.Getenv("AWS_ENDPOINT_URL_S3"), "http://" + os.Getenv("STORAGE_EMULATOR_HOST"),
	} {
		needs.Add(reaching(given, webPorts()))
	}
	return needs
}

// findingKeys is where the stores' own tools keep keys, and the machine's
// identity, which is asked for at port 80 of an address inside the machine.
func findingKeys() confine.Needs {
	needs := confine.Needs{Connect: confine.Port(80)}
	if home, err := os.UserHomeDir(); err == nil {
		for _, dir := range []string{".aws", ".azure", ".config/gcloud"} {
			needs.Read = append(needs.Read, filepath.Join(home, dir))
		}
	}
	needs.Read = append(needs.Read, filesOfEnvironment(
		"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"GOOGLE_APPLICATION_CREDENTIALS", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH",
	)...)
	for _, variable := range []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "IDENTITY_ENDPOINT", "AZURE_AUTHORITY_HOST"} {
		needs.Add(reaching(os.Getenv(variable), webPorts()))
	}
	return needs
}

// filesOfEnvironment are what it takes to read the files, or directories, that
// variables name.
func filesOfEnvironment(variables ...string) []string {
	var paths []string
	for _, variable := range variables {
		if path := os.Getenv(variable); path != "" {
			full := absolute(config.Path(path))
			paths = append(append(paths, full), confine.FollowedFile(full)...)
		}
	}
	return paths
}
