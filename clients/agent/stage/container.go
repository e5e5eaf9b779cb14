package stage

import "strings"

// A criLine is a line as container runtimes of Kubernetes write it:
//
//	2024-06-10T07:06:40.123456789Z stdout F the rest is content
type criLine struct {
	time    string
	ts      int64
	hasTS   bool // the first word is a time
	stream  string
	flags   string
	partial bool // the line goes on with the next
	content string
}

// parseCRI reads a line of the CRI format. What is not one is not ok.
func parseCRI(line string) (c criLine, ok bool) {
	first := strings.IndexByte(line, ' ')
	if first <= 0 {
		return c, false
	}
	rest := line[first+1:]
	switch {
	case strings.HasPrefix(rest, "stdout "):
		c.stream, rest = "stdout", rest[len("stdout "):]
	case strings.HasPrefix(rest, "stderr "):
		c.stream, rest = "stderr", rest[len("stderr "):]
	default:
		return c, false
	}
	// Flags are tags with colons in between; the first says whether the line is
	// whole. A runtime that cuts the space behind them off an empty line is
	// understood.
	c.flags = rest
	if end := strings.IndexByte(rest, ' '); end >= 0 {
		c.flags, c.content = rest[:end], rest[end+1:]
	}
	if c.flags == "" {
		return c, false
	}
	c.partial = c.flags == "P" || strings.HasPrefix(c.flags, "P:")
	c.time = line[:first]
	c.ts, c.hasTS = parseRFC3339(c.time)
	return c, true
}

// dockerPaths are the members of a line as Docker's json-file driver writes it:
//
//	{"log":"the content\n","stream":"stderr","time":"2024-06-10T07:06:40.123456789Z"}
var dockerPaths = newDockerTree()

// Slots of dockerPaths.
const (
	dockerLog = iota
	dockerStream
	dockerTime
)

func newDockerTree() *jsonTree {
	t := &jsonTree{}
	t.add([]string{"log"}, dockerLog)
	t.add([]string{"stream"}, dockerStream)
	t.add([]string{"time"}, dockerTime)
	return t
}
