package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

// hooks are the commands and webhooks that hear of a server's events. Events
// come once they are open.
type hooks struct{ list []hook }

// hook is a notify.Command or a notify.Webhook.
type hook interface {
	Notify(server.Event)
	Close(context.Context) error
}

// leastHookTime is what hooks have to come to an end after the last session,
// however much of drain.timeout that has left.
const leastHookTime = 5 * time.Second

// open makes the hooks of the configuration. Webhooks post at once what earlier
// runs have left in their spools, so it comes after the ports are bound: before
// that, another server may be using them.
func (h *hooks) open(s *setup, log *zap.Logger) error {
	var faults []error
	for i, configured := range s.config.Hooks {
		opened, err := s.openHook(hookKey(i), configured, log)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		h.list = append(h.list, opened)
	}
	return errors.Join(faults...)
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
		Timeout: h.Timeout, GiveUpAfter: h.GiveUpAfter, Logger: log,
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
	for _, hook := range h.list {
		hook.Notify(e)
	}
}

// close has the hooks do what is left to do, side by side, for so long at the
// most. No session may be left: its last events would be lost.
func (h *hooks) close(ctx context.Context, within time.Duration, log *zap.Logger) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var closing sync.WaitGroup
	for _, hook := range h.list {
		closing.Go(func() { closeHook(ctx, hook, log) })
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
