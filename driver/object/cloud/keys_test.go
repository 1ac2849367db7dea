package cloud_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/driver/object/cloud"
	"github.com/portico-ftp/portico/e2e/s3server"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestKeysOfS3(t *testing.T) {
	t.Parallel()
	server := s3server.Need(t)
	address := server.URL(server.Endpoint)
	section := func(name, access, secret string) string {
		return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", name, access, secret)
	}
	right := section("default", server.AccessKey, server.SecretKey)
	for name, test := range map[string]struct {
		address string
		opts    cloud.Options
		says    string // "": it is all right
	}{
		"right":          {address, cloud.Options{AccessKey: server.AccessKey, SecretKey: server.SecretKey}, ""},
		"wrong":          {address, cloud.Options{AccessKey: server.AccessKey, SecretKey: "hidden"}, "SignatureDoesNotMatch"},
		"a file":         {address, cloud.Options{CredentialsFile: writeFile(t, right)}, ""},
		"a wrong file":   {address, cloud.Options{CredentialsFile: writeFile(t, section("default", server.AccessKey, "hidden"))}, "SignatureDoesNotMatch"},
		"a profile":      {address + "&profile=ftp", cloud.Options{CredentialsFile: writeFile(t, section("default", "a", "hidden")+section("ftp", server.AccessKey, server.SecretKey))}, ""},
		"no such bucket": {strings.Replace(address, s3server.Bucket, "nowhere", 1), cloud.Options{AccessKey: server.AccessKey, SecretKey: server.SecretKey}, "there is no such bucket"},
		"anonymous":      {address + "&anonymous=true", cloud.Options{}, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := ""
			if err := openOn(t, test.address, test.opts).Check(t.Context(), ""); err != nil {
				said = err.Error()
			}
			if (said == "") != (test.says == "") || !strings.Contains(said, test.says) || strings.Contains(said, "hidden") {
				t.Errorf("got %q, want %q", said, test.says)
			}
		})
	}
}

func TestOpenRefusesWrongKeys(t *testing.T) {
	t.Parallel()
	const s3, gs, azblob = "s3://b?region=us-east-1", "gs://b", "azblob://c"
	both := cloud.Options{AccessKey: "a", SecretKey: "hidden"}
	for _, test := range []struct {
		address string
		opts    cloud.Options
		says    string
	}{
		{s3, cloud.Options{AccessKey: "a"}, "belong together"},
		{s3, cloud.Options{SecretKey: "hidden"}, "belong together"},
		{s3, cloud.Options{AccessKey: "a", SecretKey: "hidden", CredentialsFile: "f"}, "given twice"},
		{s3, cloud.Options{CredentialsFile: "/nowhere"}, "/nowhere"},
		{s3, cloud.Options{CredentialsFile: writeFile(t, "[default]\n")}, "no keys in [default]"},
		{s3 + "&profile=x", cloud.Options{CredentialsFile: writeFile(t, "[default]\naws_access_key_id = a\naws_secret_access_key = hidden\n")}, "x"},
		{gs, both, "takes no access key"},
		{gs, cloud.Options{CredentialsFile: "/nowhere"}, "/nowhere"},
		{gs, cloud.Options{CredentialsFile: writeFile(t, `{"type": "service_account", "private_key": "hidden"`)}, "not the JSON of a service account"},
		{gs, cloud.Options{CredentialsFile: writeFile(t, `{"type": "authorized_user", "refresh_token": "hidden"}`)}, "not the JSON of a service account"},
		{azblob, cloud.Options{AccessKey: "a", SecretKey: "hidden, and not base64"}, "not that of a storage account"},
		{azblob, cloud.Options{CredentialsFile: "f"}, "takes no credentials file"},
	} {
		bucket, err := cloud.Open(t.Context(), test.address, test.opts)
		if err == nil {
			must(t, bucket.Close())
		}
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v, want %q", test.address, err, test.says)
		}
	}
}

// A request to a store that is not there shows whose keys sign it.
func TestKeysOfAzure(t *testing.T) {
	t.Parallel()
	signed := make(chan string, 10)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed <- r.URL.Path + " " + r.Header.Get("Authorization")
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(store.Close)
	storage := openOn(t, "azblob://box?protocol=http&domain="+strings.TrimPrefix(store.URL, "http://"),
		cloud.Options{AccessKey: "account", SecretKey: base64.StdEncoding.EncodeToString([]byte("hidden"))})
	if err := storage.Check(t.Context(), ""); err == nil {
		t.Error("the container was reached, which refuses everybody")
	}
	if got, want := <-signed, "/account/box SharedKey account:"; !strings.HasPrefix(got, want) {
		t.Errorf("the request was %q, want %q and a signature", got, want)
	}
}

func TestKeysOfGoogle(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.FormValue("grant_type")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(tokens.Close)
	storage := openOn(t, "gs://b", cloud.Options{CredentialsFile: writeFile(t, serviceAccount(t, tokens.URL))})
	if err := storage.Check(t.Context(), ""); err == nil {
		t.Error("the bucket was reached without a token")
	}
	if got := <-asked; !strings.Contains(got, "jwt-bearer") {
		t.Errorf("a token was asked for by %q, want a signed claim", got)
	}
}

// serviceAccount is the JSON of an account whose tokens come from a server of
// the test's.
func serviceAccount(t *testing.T, tokens string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "ftp@example.org", "token_uri": tokens,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	})
	must(t, err)
	return string(text)
}
