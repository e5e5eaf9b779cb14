package logcli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

func (c *cli) deleteCommands(app *kingpin.Application, commands map[string]func(context.Context) error) {
	f := &c.flags
	del := app.Command("delete", "Delete entries, by requests that the server works off.")
	create := del.Command("create", "Ask for what a query selects to be deleted.")
	create.Arg("query", "for example {app=\"shop\"} |= \"password\"").Required().StringVar(&f.query)
	c.span("1h", "entries")(create)
	create.Flag("max-interval", "The longest piece of time that the server works on at once, such as 24h.").StringVar(&f.maxInterval)
	commands["delete create"] = c.runDeleteCreate
	del.Command("list", "List the requests.")
	commands["delete list"] = c.runDeleteList
	cancel := del.Command("cancel", "Take a request back.")
	cancel.Flag("request-id", "The request.").Required().StringVar(&f.requestID)
	cancel.Flag("force", "Even where a part of it was done.").BoolVar(&f.force)
	commands["delete cancel"] = c.runDeleteCancel
}

func (c *cli) runDeleteCreate(ctx context.Context) error {
	start, end, err := c.asking("delete")
	if err != nil {
		return err
	}
	id, err := c.client.Delete(ctx, c.flags.query, start/int64(time.Second), end/int64(time.Second), c.flags.maxInterval)
	if err != nil {
		return err
	}
	if id != "" {
		c.infof("Request ID: %s", id)
	}
	return c.confirm("Delete request created successfully\n")
}

// confirm prints what was done, unless it shall be quiet.
func (c *cli) confirm(text string) error {
	if c.flags.quiet {
		return nil
	}
	return c.write([]byte(text))
}

func (c *cli) runDeleteList(ctx context.Context) error {
	if err := c.flags.noStdin("delete"); err != nil {
		return err
	}
	requests, err := c.client.DeleteRequests(ctx)
	if err != nil {
		return err
	}
	if c.flags.output == "jsonl" {
		text, err := json.MarshalIndent(requests, "", "  ")
		if err != nil {
			return err
		}
		return c.write(append(text, '\n'))
	}
	var b bytes.Buffer
	if !c.flags.quiet {
		fmt.Fprintf(&b, "Found %d delete requests:\n", len(requests))
	}
	at := func(seconds float64) string {
		return time.Unix(int64(seconds), 0).In(c.print.zone).Format(time.RFC3339)
	}
	for _, r := range requests {
		if r.ID != "" {
			fmt.Fprintf(&b, "Request ID: %s\n", r.ID)
		}
		fmt.Fprintf(&b, "Query: %s\nStart Time: %s\nEnd Time: %s\nStatus: %s\n---\n", r.Query, at(r.StartTime), at(r.EndTime), r.Status)
	}
	return c.write(b.Bytes())
}

func (c *cli) runDeleteCancel(ctx context.Context) error {
	if err := c.flags.noStdin("delete"); err != nil {
		return err
	}
	if err := c.client.CancelDelete(ctx, c.flags.requestID, c.flags.force); err != nil {
		return err
	}
	return c.confirm("Delete request " + c.flags.requestID + " cancelled successfully\n")
}
