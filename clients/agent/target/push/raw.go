package push

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
)

// raw takes text, each line of which is an entry with the time of now. Empty
// lines are none.
func (t *Target) raw(w http.ResponseWriter, r *http.Request) {
	t.answer(w, r, t.takeLines(r.Context(), http.MaxBytesReader(w, r.Body, t.cfg.MaxSendMsgSize)))
}

func (t *Target) takeLines(ctx context.Context, body io.Reader) error {
	ls, kept := t.labeler.Labels(nil)
	in := bufio.NewReader(body)
	out := newBatch(t.feed)
	for {
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			if !kept {
				t.feed.Drop(target.ReasonRelabel)
			} else if err := out.add(ctx, entry.Entry{Labels: ls, Timestamp: t.opts.Clock.Next(1), Line: line}); err != nil {
				return err
			}
		}
		if err != nil {
			return out.end(ctx)
		}
	}
}
