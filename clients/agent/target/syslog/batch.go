package syslog

import (
	"context"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
)

const (
	// maxBatchEntries and maxBatchBytes are when a batch is passed on although
	// there is more to read.
	maxBatchEntries = 1000
	maxBatchBytes   = 1 << 20
)

// A batch is messages that have come and were not passed on.
type batch struct {
	target  *Target
	peer    peer
	feed    *target.Feed
	entries []entry.Entry
	bytes   int
	labels  []labels.Label
}

// add adds a message, of which cut bytes were left out.
func (b *batch) add(raw []byte, cut int) {
	t := b.target
	// The text is the entry's, which outlives the framer's buffer.
	text := string(raw)
	m, err := t.parse(text)
	switch {
	case err != nil:
		t.metrics.errors.Inc()
		b.feed.Drop("syslog_malformed")
		level.Debug(t.opts.Logger).Log("msg", "a message is not of its format", "err", err, "format", t.cfg.SyslogFormat, "peer", b.peer.address)
		return
	case m.text == "" && !t.cfg.UseRFC5424Message:
		t.metrics.empty.Inc()
		b.feed.Drop("syslog_empty")
		return
	case cut > 0:
		level.Warn(t.opts.Logger).Log("msg", "a message was cut", "max_message_length", t.cfg.MaxMessageLength, "left_out", cut, "peer", b.peer.address)
	}
	b.labels = t.label(b.labels[:0], m, b.peer)
	ls, kept := t.labeler.Labels(b.labels)
	if !kept {
		b.feed.Drop(target.ReasonRelabel)
		return
	}
	e := entry.Entry{Labels: ls, Line: m.text, Mark: b.feed.Next()}
	if t.cfg.UseRFC5424Message {
		e.Line = text
	}
	if t.cfg.UseIncomingTimestamp && !m.time.IsZero() {
		e.Timestamp = m.time.UnixNano()
	} else {
		e.Timestamp = t.opts.Clock.Next(1)
	}
	t.metrics.entries.Inc()
	b.entries = append(b.entries, e)
	b.bytes += len(e.Line)
}

func (t *Target) parse(text string) (*message, error) {
	if t.cfg.SyslogFormat == rfc3164 {
		return parseRFC3164(text, time.Now())
	}
	return parseRFC5424(text)
}

func (b *batch) full() bool { return len(b.entries) >= maxBatchEntries || b.bytes >= maxBatchBytes }

// reasonBuffer is the reason of messages that could not be kept, as when the disk
// is full: syslog has no way to ask for them again.
const reasonBuffer = "buffer"

// put passes the messages on.
func (b *batch) put(ctx context.Context) error {
	if len(b.entries) == 0 {
		return nil
	}
	begun := b.feed.Begin()
	err := b.feed.Put(ctx, b.entries)
	switch {
	case err == nil:
		err = b.feed.Commit(begun)
	case ctx.Err() == nil:
		for i := range b.entries {
			b.entries[i].Mark.Drop(reasonBuffer)
		}
	}
	if err != nil && ctx.Err() == nil {
		level.Error(b.target.opts.Logger).Log("msg", "messages are not kept", "err", err, "entries", len(b.entries), "peer", b.peer.address, "job", b.target.opts.Job)
	}
	clear(b.entries)
	b.entries, b.bytes = b.entries[:0], 0
	return err
}
