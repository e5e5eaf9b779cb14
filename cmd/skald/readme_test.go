package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

// TestReadme types what the README tells people to type, and sees what the
// README tells them they will see. Times and dates are what may differ.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			parts.Lacks(t, "the README's lines need %s: %v", tool, err)
		}
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := console(string(text))
	if len(steps) == 0 {
		t.Fatal("the README has no console block with commands, which are lines that begin with \"$ \"")
	}
	s := newServer(t, t.TempDir())
	s.start()
	for _, step := range steps {
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(step.command, "127.0.0.1:3100", s.http))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("README: $ %s\n%v\n%s", step.command, err, out)
			continue
		}
		if got, want := plain(string(out)), plain(step.output); got != want {
			t.Errorf("README: $ %s\nshows\n%s\nand the README says\n%s", step.command, got, want)
		}
	}
}

// A consoleStep is a command and what it shows.
type consoleStep struct{ command, output string }

// console returns the steps of a page's console blocks.
func console(page string) []consoleStep {
	var steps []consoleStep
	inside := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			inside = strings.TrimSpace(line) == "```console"
			continue
		}
		command, ok := strings.CutPrefix(line, "$ ")
		switch {
		case !inside:
		case ok:
			steps = append(steps, consoleStep{command: strings.TrimSpace(command)})
		case len(steps) > 0:
			steps[len(steps)-1].output += line
		}
	}
	return steps
}

var varying = []struct {
	re  *regexp.Regexp
	all string
}{
	{regexp.MustCompile(`(?m)^Date: .*$`), "Date: <date>"},
	{regexp.MustCompile(`"[0-9]{19}"`), `"<time>"`},
	{regexp.MustCompile(`\r`), ""},
}

// plain is a command's output without what differs from one run to the next.
func plain(out string) string {
	for _, v := range varying {
		out = v.re.ReplaceAllString(out, v.all)
	}
	return strings.TrimSpace(out)
}
