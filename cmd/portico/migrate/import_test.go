package migrate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/portico-ftp/portico/config"
)

// line writes a setting as a server's file has it.
func line(server, name, value string) string {
	if server == "vsftpd" {
		return name + "=" + value
	}
	return name + " " + value
}

func mustImport(t *testing.T, server, text string) (Result, map[string]any) {
	t.Helper()
	result, err := Import(server, "test", text)
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]any
	if err := yaml.Unmarshal(result.YAML, &parsed); err != nil {
		t.Fatalf("%v in\n%s", err, result.YAML)
	}
	return result, parsed
}

// mustLoad wants a configuration that says nothing wrong.
func mustLoad(t *testing.T, text []byte) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "portico.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.LoadOptions{File: file})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return cfg
}

// What the document calls imported is imported, to the keys that it names.
func TestEverySettingBecomesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	for _, server := range Servers() {
		for _, setting := range server.Settings {
			if setting.Fate != Imported {
				continue
			}
			t.Run(server.Name+"/"+setting.Name, func(t *testing.T) {
				t.Parallel()
				if setting.example == "" || setting.take == nil {
					t.Fatal("has no example, or is not translated")
				}
				result, parsed := mustImport(t, server.Name, setting.context+"\n"+line(server.Name, setting.Name, setting.example)+"\n")
				if result.Unknown > 0 || strings.Contains(string(result.YAML), setting.Name+" "+setting.example+": ") {
					t.Errorf("it has no effect:\n%s", result.YAML)
				}
				hasOne := slices.ContainsFunc(setting.Keys, func(key string) bool { return has(parsed, key) })
				if !hasOne {
					t.Errorf("none of %v is there:\n%s", setting.Keys, result.YAML)
				}
				mustLoad(t, result.YAML)
			})
		}
	}
}

func has(parsed map[string]any, key string) bool {
	name, rest, deeper := strings.Cut(key, ".")
	value, isThere := parsed[name]
	if !deeper || !isThere {
		return isThere
	}
	inner, isSection := value.(map[string]any)
	return isSection && has(inner, rest)
}

func TestTables(t *testing.T) {
	t.Parallel()
	keys := map[string]bool{}
	for _, section := range config.Reference() {
		for _, key := range section.Keys {
			keys[strings.TrimPrefix(section.Path+"."+key.Name, ".")] = true
		}
	}
	for _, server := range Servers() {
		seen := map[string]bool{}
		for _, s := range server.Settings {
			name := server.Name + "/" + s.Name
			if seen[strings.ToLower(s.Name)] {
				t.Errorf("%s is there twice", name)
			}
			seen[strings.ToLower(s.Name)] = true
			if s.Fate != Imported && (s.take != nil || s.example != "") || s.Fate == Imported && s.harmless != nil {
				t.Errorf("%s is imported and is not", name)
			}
			if len(s.Keys) == 0 && s.Note == "" {
				t.Errorf("%s tells nothing", name)
			}
			for _, key := range s.Keys {
				if !keys[key] && key != "listeners" && key != "users" && key != "groups" && key != "hooks" {
					t.Errorf("%s: Portico has no key %s", name, key)
				}
			}
		}
	}
}

// The files in testdata have every kind of line; what becomes of them was read
// by a person. UPDATE_MIGRATE=1 writes them anew.
func TestImportOfWholeFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.conf"))
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			server := Detect(file, string(text))
			if !strings.HasPrefix(filepath.Base(file), server) || server == "" {
				t.Errorf("taken for that of %q", server)
			}
			if other := Detect("x", string(text)); other != server {
				t.Errorf("without its name, taken for that of %q", other)
			}
			result, err := Import(server, filepath.Base(file), string(text))
			if err != nil {
				t.Fatal(err)
			}
			mustLoad(t, result.YAML)
			wanted := file + ".yaml"
			got := append(result.YAML, "\n# "+result.Summary()+"\n"...)
			if os.Getenv("UPDATE_MIGRATE") == "1" {
				if err := os.WriteFile(wanted, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(wanted); err != nil || string(want) != string(got) {
				t.Errorf("%v: got\n%s", err, got)
			}
		})
	}
}

func TestImportForgivesLines(t *testing.T) {
	t.Parallel()
	const plain = "listen=YES\nlisten_port=2121\nmax_clients=7\n"
	_, want := mustImport(t, "vsftpd", plain)
	for name, text := range map[string]string{
		"CRLF":              "listen=YES\r\nlisten_port=2121\r\nmax_clients=7\r\n",
		"a mark of Windows": "\ufefflisten=YES\nlisten_port=2121\nmax_clients=7",
		"spaces":            "  listen = YES \n\tlisten_port =2121\n#x=y\n\nmax_clients= 7\n",
		"twice":             "max_clients=3\n" + plain,
	} {
		_, got := mustImport(t, "vsftpd", text)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestNothingIsSilentlyDropped(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ server, text, want string }{
		"an unknown setting":     {"vsftpd", "no_such_thing=YES", "# - line 1, no_such_thing YES"},
		"a line of garbage":      {"vsftpd", "\x00\x01garbage here", "garbage here: is not option=value"},
		"no name":                {"vsftpd", "=YES", "# - line 1, =YES: is not option=value"},
		"the first of two":       {"vsftpd", "max_clients=3\nmax_clients=7", "# - line 1, max_clients 3: is set again (line 2, max_clients 7), which counts"},
		"no number":              {"vsftpd", "max_clients=many", "# - line 1, max_clients many: is no number"},
		"neither yes nor no":     {"vsftpd", "write_enable=perhaps", "write_enable perhaps: is neither yes nor no"},
		"a range upside down":    {"vsftpd", "pasv_min_port=200\npasv_max_port=100", "200 to 100 is no range of ports"},
		"a tiny bandwidth":       {"vsftpd", "local_max_rate=100", "is less than 1KiB per second"},
		"a umask that is none":   {"vsftpd", "local_umask=0999", "local_umask 0999: is no umask"},
		"a name over lines":      {"vsftpd", "x=a\u2028users: []", "x a users: []"},
		"an include":             {"proftpd", "Include /etc/proftpd/tls.conf\nInclude /etc/proftpd/conf.d/", "line 2, Include /etc/proftpd/conf.d/"},
		"a section":              {"proftpd", "<Directory /srv>\nUmask 077\n</Directory>", "# - line 2, Umask 077 in <Directory /srv>: sections are not translated"},
		"an end too much":        {"proftpd", "</Limit>", "</Limit>: ends a section that has not begun"},
		"a rate for some":        {"proftpd", "TransferRate RETR 8 user alice", "is for some users"},
		"a log of another kind":  {"pure-ftpd", "AltLog clf:/x", "AltLog clf:/x: there is no such format"},
		"a flag that is none":    {"pure-ftpd", "-A -§", "§"},
		"a long flag":            {"pure-ftpd", "-A --maxidletime 5", "--maxidletime: is no short flag"},
		"a flag without a value": {"pure-ftpd", "-c", "MaxClientsNumber: is no number"},
	} {
		result, _ := mustImport(t, test.server, test.text)
		if !strings.Contains(string(result.YAML), test.want) {
			t.Errorf("%s: the file does not say %q:\n%s", name, test.want, result.YAML)
		}
	}
}

func TestUmaskOfVsftpd(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"022": "022", "22": "026", "0": "000", "077": "077"} { // 22 is decimal there
		result, _ := mustImport(t, "vsftpd", "local_umask="+value)
		if got := mustLoad(t, result.YAML).Groups[0].Umask; string(got) != want {
			t.Errorf("local_umask=%s is %s, want %s", value, got, want)
		}
	}
}

func TestTLSOfVsftpd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text, require, reuse string
		group                bool // require_tls
	}{
		"its defaults":       {"", "data", "required", false},
		"logins alone":       {"force_local_data_ssl=NO\nrequire_ssl_reuse=NO", "login", "auto", false},
		"nothing":            {"force_local_data_ssl=NO\nforce_local_logins_ssl=NO", "none", "required", false},
		"anonymous in clear": {"anonymous_enable=YES", "none", "required", true},
		"anonymous too":      {"anonymous_enable=YES\nforce_anon_logins_ssl=YES\nforce_anon_data_ssl=YES", "data", "required", false},
	} {
		result, _ := mustImport(t, "vsftpd", "ssl_enable=YES\nrsa_cert_file=/etc/a.pem\n"+test.text)
		cfg := mustLoad(t, result.YAML)
		if cfg.TLS.Require != test.require || cfg.TLS.SessionReuse != test.reuse || cfg.Groups[0].RequireTLS != test.group || cfg.TLS.Key != "/etc/a.pem" {
			t.Errorf("%s: %+v, group %v", name, cfg.TLS, cfg.Groups[0].RequireTLS)
		}
	}
}

func TestImportOfNobody(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "sftpgo", "wu-ftpd"} {
		if _, err := Import(name, "x", ""); err == nil || !strings.Contains(err.Error(), "vsftpd, proftpd, pure-ftpd") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got := Detect("x", "hello\nworld\n"); got != "" {
		t.Errorf("hello world is taken for the configuration of %s", got)
	}
}

// Whatever stands in a file: the import does not fall over, what it prints is
// YAML of one document with the known sections, and each setting is named in it.
func FuzzImport(f *testing.F) {
	for _, text := range []string{
		"listen=YES\nx=y", "a", "-A -c 50 -l puredb:/x", "<Anonymous ~ftp>\nUser ftp\n</Anonymous>", "ftpd_banner=# \"x\"\n", "local_root=/srv/%u/$USER\nuser_sub_token=$USER",
		"pasv_address=: x\n", "Umask 022 022", "\\\n\\", "ServerIdent on \"a\" b\"", "AltLog w3c:", "Bind ,", "<", "</", "DefaultAddress ::1 a b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, server := range Servers() {
			if server.read == nil {
				continue
			}
			text := strings.ToValidUTF8(text, "?")
			result, parsed := mustImport(t, server.Name, text)
			for section := range parsed {
				if !slices.Contains(topLevel, section) {
					t.Errorf("%s: section %q in\n%s", server.Name, section, result.YAML)
				}
			}
			for _, g := range server.read(strings.TrimPrefix(text, "\ufeff")) {
				name := g.Name
				if setting, isKnown := server.find(name); isKnown {
					name = setting.Name
				}
				if words := strings.TrimPrefix(comment(name), "# "); !strings.Contains(string(result.YAML), words) {
					t.Errorf("%s: %q is dropped:\n%s", server.Name, name, result.YAML)
				}
			}
		}
	})
}
