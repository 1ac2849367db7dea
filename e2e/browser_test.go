//go:build unix

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	// pageTimeout is for one thing that a page is to show.
	pageTimeout = 60 * time.Second
	screenshots = "../bin/screenshots"
)

// browser is a tab of a headless Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex // guards faults
	faults []string   // of the page: violations of its policy, errors, exceptions
}

// openBrowser opens a tab. The test fails if the page that it shows breaks its
// Content-Security-Policy or has an error.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	need(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(pageTimeout), chromedp.Env("HOME="+t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("no-first-run", true), chromedp.Flag("no-proxy-server", true))
	ctx, closeAll := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(closeAll)
	b := &browser{t: t}
	var closeTab context.CancelFunc
	b.ctx, closeTab = chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if err := chromedp.Listen(b.ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, runtime.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fault := range b.heard() {
			t.Errorf("the page has a fault: %s", fault)
		}
	})
	b.size(1280, 900)
	return b
}

// hear notes faults. That a request was refused is not one: tests ask for it.
func (b *browser) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			fault = fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += ": " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			fault = fmt.Sprintf("console.%s", e.Type)
			for _, arg := range e.Args {
				fault += fmt.Sprintf(" %s%s", arg.Value, arg.Description)
			}
		}
	}
	if fault != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fault)
	}
}

func (b *browser) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%v; the page: %v", err, b.heard())
	}
}

// size sets the size of the window, in pixels of CSS.
func (b *browser) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// prefer sets what the system of the user prefers: "dark" or "light".
func (b *browser) prefer(scheme string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}); err != nil {
		b.t.Fatal(err)
	}
}

// visit opens an address.
func (b *browser) visit(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

// focusOn gives an element the focus.
func focusOn(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Focus(chromedp.CSS(selector))
}

// hide makes the page believe that its tab is behind others, or in front again:
// headless tabs are always in front.
func hide(hidden bool) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`Object.defineProperty(document, "hidden", {configurable: true, value: %v});
		document.dispatchEvent(new Event("visibilitychange"))`, hidden))
}

// eval returns the value of a JavaScript expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v; the page: %v", expression, err, b.heard())
	}
	return value
}

// await waits until an expression is true. While a page is being loaded it may
// fail.
func (b *browser) await(expression string) {
	b.t.Helper()
	holds := chromedp.Evaluate[bool]("!!(" + expression + ")")
	for deadline := time.Now().Add(pageTimeout); ; time.Sleep(pollInterval) {
		isSo, err := chromedp.Run(b.ctx, holds)
		if isSo && err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.shoot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.t.Fatalf("not within %v: %s (%v)\nthe page says:\n%s", pageTimeout, expression, err, eval[string](b, "document.body.innerText"))
		}
	}
}

// says waits until an element says a text.
func (b *browser) says(id, text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("document.getElementById(%q).innerText.includes(%q)", id, text))
}

// click clicks as a user would, on what can be seen.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.await("document.querySelector(" + strconv.Quote(selector) + ")?.checkVisibility()")
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

func (b *browser) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// strike presses a key that is a shortcut: unlike press it lets the page keep
// the character from what gets the focus by that key.
func (b *browser) strike(key string) {
	b.t.Helper()
	for _, event := range []input.DispatchKeyEventParams{{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: key}, {Type: input.DispatchKeyEventTypeKeyUp, Key: key}} {
		if _, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, event); err != nil {
			b.t.Fatal(err)
		}
	}
}

// shoot takes a picture of the whole page, for people to look at.
func (b *browser) shoot(name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// checkFits fails if the page is wider than the window.
func (b *browser) checkFits() {
	b.t.Helper()
	if wide := eval[string](b, `document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("body *")]
		.filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + "." + e.className + "#" + e.id).join(" ") || "?"`); wide != "" {
		b.t.Errorf("wider than the window: %s", wide)
	}
}

// checkContrast fails if a text has less contrast to its ground than WCAG 2.2 AA
// asks for.
func (b *browser) checkContrast() {
	b.t.Helper()
	for _, weak := range eval[[]string](b, contrastScript) {
		b.t.Errorf("too little contrast: %s", weak)
	}
}

const contrastScript = `(() => {
	const numbers = (color) => color.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => {
		const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const groundOf = (e) => {
		for (; e; e = e.parentElement) {
			const color = numbers(getComputedStyle(e).backgroundColor);
			if (color.length === 3 || color[3] === 1) return color;
		}
		return [255, 255, 255];
	};
	const weak = new Set();
	let looked = 0;
	for (const e of document.querySelectorAll("body *")) {
		const text = [...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()).map((n) => n.data.trim()).join(" ");
		if (!text || !e.checkVisibility() || e.closest("svg")) continue;
		looked++;
		const [a, b] = [light(numbers(getComputedStyle(e).color)), light(groundOf(e))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) weak.add(ratio.toFixed(2) + " " + e.tagName + "." + e.className + ": " + text.slice(0, 40));
	}
	if (looked < 10) weak.add("only " + looked + " texts were found");
	return [...weak];
})()`
