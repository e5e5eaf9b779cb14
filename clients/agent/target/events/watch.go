package events

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
)

const (
	// pageSize is how many events are listed at once.
	pageSize = 500
	// watchTime is how long the server keeps a watch open.
	watchTime = 5 * time.Minute
	// maxPause is the longest pause before another try.
	maxPause = 30 * time.Second
)

// read ships the events behind a position until ctx is done.
func (t *Target) read(ctx context.Context, feed *target.Feed, position string) {
	t.reading.Store(true)
	defer t.reading.Store(false)
	namespaces := t.cfg.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{meta.NamespaceAll}
	}
	s := &ship{Target: t, feed: feed, noted: version(position)}
	for _, ns := range namespaces {
		s.watchers = append(s.watchers, &watcher{ship: s, client: t.events.Events(ns), after: version(position)})
	}
	var reading sync.WaitGroup
	for _, w := range s.watchers {
		reading.Go(func() { w.run(ctx) })
	}
	reading.Wait()
}

// A ship passes on the events of all namespaces.
type ship struct {
	*Target
	feed *target.Feed

	mu       sync.Mutex // guards the order of what is passed on and noted, and after of all watchers
	watchers []*watcher
	noted    uint64
}

// pass passes on events, in the order of their versions.
func (s *ship) pass(ctx context.Context, events []*corev1.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var batch []entry.Entry
	for _, e := range events {
		ls, kept := s.labeler.Labels(metaLabels(e))
		if !kept {
			s.feed.Drop(target.ReasonRelabel)
			continue
		}
		batch = append(batch, entry.Entry{
			Labels: ls, Timestamp: eventTime(e).UnixNano(), Line: line(e, s.cfg.Format), Mark: s.feed.Next(),
		})
	}
	return s.feed.Put(ctx, batch)
}

// note notes the version that all watchers have reached: the versions of all
// namespaces are of one sequence.
func (s *ship) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	reached := s.watchers[0].after
	for _, w := range s.watchers {
		reached = min(reached, w.after)
	}
	if reached > s.noted {
		s.noted = reached
		s.opts.Track.Note(s.feed.Offset(), strconv.FormatUint(reached, 10))
	}
}

// A watcher reads the events of a namespace, or of all.
type watcher struct {
	*ship
	client coreclient.EventInterface
	after  uint64 // up to which version all was passed on
}

// run lists and watches until ctx is done.
func (w *watcher) run(ctx context.Context) {
	pause, from := time.Second, ""
	for ctx.Err() == nil {
		var err error
		if from == "" {
			from, err = w.list(ctx)
		}
		if err == nil {
			from, err = w.watch(ctx, from)
		}
		if err == nil {
			pause = time.Second
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			from = ""
		}
		level.Warn(w.opts.Logger).Log("msg", "events are out of reach", "err", err, "again_in", pause, "job", w.opts.Job)
		w.pause(ctx, pause)
		pause = min(2*pause, maxPause)
	}
}

// list passes on the events that are there and are new, and returns the version
// to watch from.
func (w *watcher) list(ctx context.Context) (from string, err error) {
	var fresh []*corev1.Event
	for opts := (meta.ListOptions{Limit: pageSize}); ; {
		page, err := w.page(ctx, opts)
		if err != nil {
			return "", wrap("list events", err)
		}
		for i := range page.Items {
			if v := version(page.Items[i].ResourceVersion); v == 0 || v > w.after {
				fresh = append(fresh, &page.Items[i])
			}
		}
		if from == "" {
			from = page.ResourceVersion
		}
		if opts.Continue = page.Continue; opts.Continue == "" {
			break
		}
	}
	slices.SortStableFunc(fresh, func(a, b *corev1.Event) int {
		va, vb := version(a.ResourceVersion), version(b.ResourceVersion)
		switch {
		case va < vb:
			return -1
		case va > vb:
			return 1
		}
		return 0
	})
	for chunk := range slices.Chunk(fresh, pageSize) {
		if err := w.pass(ctx, chunk); err != nil {
			return "", err
		}
		w.took(chunk[len(chunk)-1].ResourceVersion)
	}
	w.took(from)
	return from, nil
}

func (w *watcher) page(ctx context.Context, opts meta.ListOptions) (*corev1.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return w.client.List(ctx, opts)
}

// took notes that all up to a version was passed on.
func (w *watcher) took(resourceVersion string) {
	w.mu.Lock()
	w.after = max(w.after, version(resourceVersion))
	w.mu.Unlock()
	w.note()
}

// watch passes on events as they happen, until the server ends the watch. It
// returns the version to watch from next.
func (w *watcher) watch(ctx context.Context, from string) (string, error) {
	seconds := int64(watchTime / time.Second)
	ctx, cancel := context.WithTimeout(ctx, watchTime+requestTime)
	defer cancel()
	stream, err := w.client.Watch(ctx, meta.ListOptions{
		ResourceVersion: from, AllowWatchBookmarks: true, TimeoutSeconds: &seconds,
	})
	if err != nil {
		return from, wrap("watch events", err)
	}
	defer stream.Stop()
	for change := range stream.ResultChan() {
		switch change.Type {
		case watch.Error:
			return from, wrap("watch events", apierrors.FromObject(change.Object))
		case watch.Added, watch.Modified, watch.Bookmark:
		default:
			continue
		}
		e, ok := change.Object.(*corev1.Event)
		if !ok {
			return from, errors.New("watch events: the server sent something else")
		}
		if change.Type != watch.Bookmark {
			if err := w.pass(ctx, []*corev1.Event{e}); err != nil {
				return from, err
			}
		}
		from = e.ResourceVersion
		w.took(from)
	}
	return from, nil
}
