package main_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

// A ledger is what the agent says became of lines, by state.
type ledger struct {
	read, takenOver, dropped               float64
	handed, acknowledged, repeated, gaveUp map[string]float64 // by client
	takenOverBy, putOff                    map[string]float64 // by client
}

func readLedger(pages string) (l ledger) {
	l.handed, l.acknowledged, l.repeated, l.gaveUp = map[string]float64{}, map[string]float64{}, map[string]float64{}, map[string]float64{}
	l.takenOverBy, l.putOff = map[string]float64{}, map[string]float64{}
	_, body := get(pages + "/metrics")
	for line := range strings.Lines(body) {
		name, rest, _ := strings.Cut(line, "{")
		if name != "skald_agent_lines_total" && name != "skald_agent_client_lines_total" {
			continue
		}
		labels, value, _ := strings.Cut(rest, "} ")
		n, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
		label := func(name string) string {
			_, after, _ := strings.Cut(labels, name+`="`)
			text, _, _ := strings.Cut(after, `"`)
			return text
		}
		client := label("client")
		switch label("state") {
		case "read":
			l.read = n
		case "taken_over":
			if name == "skald_agent_lines_total" {
				l.takenOver = n
			} else {
				l.takenOverBy[client] = n
			}
		case "put_off":
			l.putOff[client] = n
		case "handed":
			l.handed[client] = n
		case "acknowledged":
			l.acknowledged[client] = n
		case "repeated":
			l.repeated[client] = n
		case "dropped":
			if name == "skald_agent_lines_total" {
				l.dropped += n
			} else {
				l.gaveUp[client] += n
			}
		}
	}
	return l
}

// checkLedger waits until the agent waits for nothing, and checks that what it
// says of lines adds up; it returns the ledger.
func checkLedger(t testing.TB, agent *parts.Process, pages string) (l ledger) {
	t.Helper()
	agent.Reach("lines that have an end", 1, func() int {
		l = readLedger(pages)
		if len(l.handed) == 0 {
			return 0
		}
		for client, handed := range l.handed {
			if l.read+l.takenOver+l.takenOverBy[client] != l.dropped+handed+l.putOff[client] || handed != l.acknowledged[client]+l.repeated[client]+l.gaveUp[client] {
				return 0
			}
		}
		return 1
	})
	return l
}
