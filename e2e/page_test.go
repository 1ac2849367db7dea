//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	pageAdminToken = "page-admin-4c1d9a7e"
	pageReadToken  = "page-read-83b0f6d2"
	// hostileName is a file whose name would do harm in a page that takes names
	// for HTML.
	hostileName = `<img src=x onerror=document.title='owned'>`
)

// administered is a site with an admin page.
type administered struct {
	*site
	page    string // its address
	process *process
}

func newAdministered(t *testing.T) *administered {
	t.Helper()
	need(t, "chromium")
	s := newSite(t)
	address := fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first)
	s.set("admin", map[string]any{"address": address, "tokens": []any{
		map[string]any{"name": "ada", "token": pageAdminToken, "role": "admin"},
		map[string]any{"name": "ron", "token": pageReadToken, "role": "read"},
	}})
	return &administered{s, "http://" + address + "/", s.start()}
}

// signIn opens the page and types a token.
func (a *administered) signIn(token string) *browser {
	a.t.Helper()
	b := openBrowser(a.t)
	b.visit(a.page)
	b.await("document.activeElement.id === 'token'")
	b.press(token + kb.Enter)
	b.says("link-text", "Live")
	return b
}

// busy brings about what the page is to show: a client that uploads a file with a
// hostile name, one that has stopped in the middle of a download, one that has a
// passive port and does not connect, and one that claims a hostile user name.
func (a *administered) busy() (uploader *raw) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.home, "half.bin"), make([]byte, 32<<20), 0o644); err != nil {
		a.t.Fatal(err)
	}
	uploader = dialRaw(a.t, a.controlAddress())
	uploader.login()
	upload := uploader.stor("/" + hostileName)
	if _, err := upload.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		a.t.Fatal(err)
	}
	downloader := dialRaw(a.t, a.controlAddress())
	downloader.login()
	if _, err := io.CopyN(io.Discard, downloader.retr("/half.bin"), 8<<20); err != nil {
		a.t.Fatal(err)
	}
	waiter := dialRaw(a.t, a.controlAddress())
	waiter.login()
	waiter.epsv()
	stranger := dialRaw(a.t, a.controlAddress())
	stranger.send("USER <b>%s</b>", "mallory")
	stranger.expect(331)
	return uploader
}

func TestPageShowsAndEndsWhatRuns(t *testing.T) {
	t.Parallel()
	a := newAdministered(t)
	uploader := a.busy()
	b := a.signIn(pageAdminToken)

	b.says("chips", "Ready")
	b.says("chips", "TLS optional")
	b.says("chips", "Sandbox")
	b.says("transfers", hostileName)
	b.says("transfers", "1.0 MiB")
	b.says("transfers", "/half.bin")
	b.says("transfers", "of 32.0 MiB")
	b.await("document.querySelector('#transfers progress:not([hidden])').value >= 0.25")
	b.says("sessions", "STOR /"+hostileName)
	b.says("sessions", "<b>mallory</b> (not logged in)")
	b.await("document.querySelectorAll('#sessions tr').length === 4")
	b.await("document.querySelector('#map-runs').textContent.includes('Pending: ')")
	b.await("document.querySelector('#plot path.download')")
	b.says("log", "session")
	if got := eval[string](b, "document.title + document.querySelectorAll('main img, main b b').length"); got != "Portico0" {
		t.Errorf("names of strangers became HTML: title and images are %q", got)
	}
	if got := eval[string](b, "location.href"); got != a.page {
		t.Errorf("the address became %s, want %s", got, a.page)
	}
	b.checkContrast()
	b.shoot("real-light")
	b.prefer("dark")
	b.size(360, 800)
	b.checkFits()
	b.checkContrast()
	b.shoot("real-dark-360")
	b.size(1280, 900)

	kick := "#sessions tr:first-child button" // of the oldest session
	b.click(kick)
	b.await("document.querySelector('#confirm').open && document.activeElement.id === 'confirm-no'")
	b.checkContrast()
	b.shoot("kick")
	b.press(kb.Escape)
	b.await("!document.querySelector('#confirm').open")
	uploader.send("NOOP") // lives
	uploader.expect(200)
	b.click(kick)
	b.click("#confirm-yes")
	b.says("notice-text", "was kicked.")
	b.await("document.querySelectorAll('#sessions tr').length === 3")
	for err := error(nil); err == nil; {
		if _, _, err = uploader.reply(); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("the kicked session ends with %v", err)
		}
	}
}

func TestPageBansLiftsReloadsAndDrains(t *testing.T) {
	t.Parallel()
	a := newAdministered(t)
	b := a.signIn(pageAdminToken)
	b.says("bans-empty", "Nobody is banned.")
	b.do(focusOn("#ban-network"))
	b.press("nonsense" + kb.Enter)
	b.says("ban-fault", "nonsense")
	b.do(chromedp.SetValue(chromedp.CSS("#ban-network"), "192.0.2.9"))
	b.do(focusOn("#ban-reason"))
	b.press("<script>alert(1)</script>" + kb.Enter)
	b.says("bans", "192.0.2.9/32")
	b.says("bans", "<script>alert(1)</script>")
	b.shoot("bans")
	b.click("#bans button")
	b.click("#confirm-yes")
	b.says("notice-text", "was lifted")
	b.says("bans-empty", "Nobody is banned.")

	a.set("limits", map[string]any{"sessions": -1})
	a.configFile()
	b.click("#reload")
	b.click("#confirm-yes")
	b.says("notice-text", "limits.sessions")
	b.says("banner", "limits.sessions")
	a.set("limits", map[string]any{"sessions": 100})
	a.configFile()
	b.click("#reload")
	b.click("#confirm-yes")
	b.says("notice-text", "was reloaded")
	b.await("document.querySelector('#banner').hidden")
	b.await("document.querySelector('#log').innerText.includes('/api/v1/bans')")

	b.click("#drain")
	b.click("#confirm-yes")
	if code := a.process.exitCode(t, stopTimeout); code != 0 {
		t.Errorf("exit code %d after Drain, want 0", code)
	}
	b.says("link-text", "Away since")
	b.checkContrast()
}

func TestPageGivesReadersNothingToPress(t *testing.T) {
	t.Parallel()
	a := newAdministered(t)
	client := dialRaw(t, a.controlAddress())
	client.login()
	b := openBrowser(t)
	b.visit(a.page)
	b.await("document.activeElement.id === 'token'")
	b.shoot("sign-in")
	b.press("wrong" + kb.Enter)
	b.says("login-fault", "not known")
	b.await("!document.querySelector('#board').checkVisibility()")
	b.checkContrast()
	b.press(pageReadToken + kb.Enter)
	b.says("sessions", userName)
	b.says("leave", "ron (read-only)")
	visible := eval[[]string](b, "[...document.querySelectorAll('button, form, #log')].filter((e) => e.checkVisibility()).map((e) => e.id || e.textContent)")
	if got, want := fmt.Sprint(visible), "[pause theme help leave]"; got != want {
		t.Errorf("a reader sees %s, want %s", got, want)
	}
	b.shoot("reader")
	status := `(async () => (await fetch("api/v1/sessions/2/kick", {method: "POST", body: "{}", headers:
		{"Content-Type": "application/json", Authorization: "Bearer " + sessionStorage.getItem("portico.token")}})).status)()`
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](status, chromedp.EvalAwaitPromise))
	if err != nil || got != 403 {
		t.Errorf("a reader's kick: got %d and %v, want 403", got, err)
	}
	client.send("NOOP")
	client.expect(200)
	b.visit(a.page) // the token outlasts that, and not a sign-out
	b.says("sessions", userName)
	b.click("#leave")
	b.await("document.activeElement.id === 'token' && sessionStorage.length === 0")
	b.await("!document.body.innerText.includes('" + userName + "')")
}

func TestPageAsksForNoTokenWhereThereIsNone(t *testing.T) {
	t.Parallel()
	need(t, "chromium")
	s := newSite(t)
	address := fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first)
	s.set("admin", map[string]any{"address": address})
	s.start()
	b := openBrowser(t)
	b.visit("http://" + address + "/")
	b.says("link-text", "Live")
	b.await("document.querySelector('#reload').checkVisibility() && !document.querySelector('#leave').checkVisibility()")
	b.await("!document.querySelector('#login').checkVisibility()")
}
