package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionIsWhatTheCompilerHasFound(t *testing.T) {
	t.Parallel()
	platform := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	settings := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"}}
	for name, test := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"installed as a module":        {debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "portico v1.2.3 ("},
		"built in a repository":        {debug.BuildInfo{Main: debug.Module{Version: "v1.2.3+dirty"}, Settings: settings}, "portico v1.2.3+dirty (commit 0123abc, 2026-01-02T03:04:05Z, "},
		"built where no version is":    {debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings}, "portico devel+dirty (commit 0123abc, 2026-01-02T03:04:05Z, "},
		"built without any repository": {debug.BuildInfo{}, "portico devel ("},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, want := compiled(&test.info).String(), test.want+platform; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
