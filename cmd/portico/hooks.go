package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

// hooks are the commands and webhooks that hear of a server's events. Events
// come once they are open.
type hooks struct {
	mu   sync.RWMutex
	list []openHook // guarded by mu
}

// openHook is a hook with what it was made of.
type openHook struct {
	config config.Hook
	hook   hook
}

// hook is a notify.Command or a notify.Webhook.
type hook interface {
	Notify(server.Event)
	Close(context.Context) error
}

// leastHookTime is what hooks have to come to an end after the last session,
// however much of drain.timeout that has left.
const leastHookTime = 5 * time.Second

// replace opens the hooks of a configuration in the place of those there are.
// One that has stayed the same goes on. A webhook that goes leaves what waits in
// its spool, which another may take over; a command that goes is returned, for
// the caller to close. The error joins what could not be opened; the others are
// in force.
func (h *hooks) replace(s *setup, log *zap.Logger) (gone []hook, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]openHook, len(s.config.Hooks))
	for i, configured := range s.config.Hooks {
		list[i] = openHook{configured, takeHook(h.list, configured)}
	}
	for _, old := range h.list {
		switch webhook, keeps := old.hook.(*notify.Webhook); {
		case old.hook == nil: // taken over
		case keeps:
			closeHook(done(), webhook, log)
		default:
			gone = append(gone, old.hook)
		}
	}
	var faults []error
	h.list = nil
	for i, entry := range list {
		if entry.hook == nil {
			if entry.hook, err = s.openHook(hookKey(i), entry.config, log); err != nil {
				faults = append(faults, err)
				continue
			}
		}
		h.list = append(h.list, entry)
	}
	return gone, errors.Join(faults...)
}

// done is a context that is done.
func done() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// takeHook takes the hook of this configuration from a list, nil if there is none.
func takeHook(list []openHook, configured config.Hook) hook {
	for i, old := range list {
		if old.hook != nil && reflect.DeepEqual(old.config, configured) {
			list[i].hook = nil
			return old.hook
		}
	}
	return nil
}

func hookKey(index int) string { return fmt.Sprintf("hooks[%d]", index) }

func (s *setup) openHook(key string, h config.Hook, log *zap.Logger) (hook, error) {
	events, err := hookEvents(h.Events)
	if err != nil {
		return nil, s.fault(key+".events", "%v", err)
	}
	if len(h.Command) > 0 {
		command, err := notify.NewCommand(notify.CommandOptions{
			Argv: h.Command, On: events, Timeout: h.Timeout, Concurrency: h.Concurrency, Queue: h.Queue, Logger: log,
		})
		if err != nil {
			return nil, s.fault(key+".command", "%s", withoutPackage(err))
		}
		return command, nil
	}
	secret, err := s.hookSecret(key, h)
	if err != nil {
		return nil, err
	}
	webhook, err := notify.NewWebhook(notify.WebhookOptions{
		URL: h.URL.Reveal(), Secret: secret, On: events, Spool: string(h.Spool), MaxSpooled: h.Queue,
		Timeout: h.Timeout, GiveUpAfter: h.GiveUpAfter, Logger: log, Shared: s.sockets.hasPredecessor(),
	})
	if err != nil {
		return nil, s.fault(key, "%s", withoutPackage(err))
	}
	return webhook, nil
}

// hookEvents reads the kinds, whose text form config and server share.
func hookEvents(words []string) ([]server.EventKind, error) {
	kinds := make([]server.EventKind, len(words))
	var faults []error
	for i, word := range words {
		faults = append(faults, kinds[i].UnmarshalText([]byte(word)))
	}
	return kinds, errors.Join(faults...)
}

// notify is a server's OnEvent.
func (h *hooks) notify(e server.Event) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, open := range h.list {
		open.hook.Notify(e)
	}
}

func (h *hooks) count() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.list)
}

// adopt has webhooks post what those of a predecessor have left.
func (h *hooks) adopt(log *zap.Logger) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, open := range h.list {
		if webhook, isOne := open.hook.(*notify.Webhook); isOne {
			if err := webhook.Adopt(); err != nil {
				log.Error("events that the server before this one has left are not posted before the next start", zap.Error(err))
			}
		}
	}
}

// close has the hooks do what is left to do, side by side, for so long at the
// most. No session may be left: its last events would be lost.
func (h *hooks) close(ctx context.Context, within time.Duration, log *zap.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var closing sync.WaitGroup
	for _, open := range h.list {
		closing.Go(func() { closeHook(ctx, open.hook, log) })
	}
	closing.Wait()
	h.list = nil
}

func closeHook(ctx context.Context, hook hook, log *zap.Logger) {
	if err := hook.Close(ctx); err != nil {
		log.Warn("a hook did not end in time", zap.Error(err))
	}
	if webhook, isOne := hook.(*notify.Webhook); isOne && webhook.Waiting() > 0 {
		log.Info("events stay in the spool for the next start", zap.Int("waiting", webhook.Waiting()))
	}
}
