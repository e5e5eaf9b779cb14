// Command skaldtool looks at Skald's files from outside, copies and repairs them, compares servers, and tests and deploys rules.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/common/version"

	"github.com/skaldlogs/skald/clients/rules"
)

const usage = `skaldtool looks at Skald's files, copies and repairs them, measures servers, and tests and deploys rules.

Usage:

  skaldtool segment inspect [-blocks] [-streams] FILE   say what is in a segment
  skaldtool segment verify FILE                         read every byte and name what is damaged
  skaldtool segment dump [-o text|jsonl] FILE           print all entries
  skaldtool bucket list DIR                             say which segments each tenant has
  skaldtool bucket verify DIR                           read every byte and name what is damaged or missing
  skaldtool bucket repair [-write] DIR                  repair what can be repaired; say what cannot, and what is lost
  skaldtool bucket snapshot DIR SNAPSHOT                copy tenants and times to a new folder
  skaldtool bucket restore SNAPSHOT DIR                 copy them into a bucket
  skaldtool bucket receipts DIR                         say what delete requests have removed
  skaldtool bucket verify-receipt DIR TENANT REQUEST    compare a receipt with the bucket
  skaldtool bench run -server URL                       push logs to servers, query them, and compare
  skaldtool bench generate|push|query|compare           the parts of that, one by one
  skaldtool rules check|lint|prepare FILES              check rule files, and put expressions in their usual form
  skaldtool rules test FILES                            run unit tests of rules
  skaldtool rules diff|sync|load FILES                  bring the rules of a server to what files say
  skaldtool rules list|print|get|delete                 look at and delete the rules of a server
  skaldtool rules backtest FILES                        show when rules would have fired over stored logs
  skaldtool version                                     say which version this is

"skaldtool segment COMMAND -h", and so on for bucket, bench and rules, has more. The exit
code is 0 if all is well, 1 if something is damaged, cannot be read or is not answered alike, and 2 for a command that
makes no sense.

Commands that only read a bucket take "-config.file FILE" in place of DIR: the bucket of that server, remote ones too.
`

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "segment":
		return runCommand("segment", segmentCommands, args[1:], stdout, stderr)
	case "bucket":
		return runCommand("bucket", bucketCommands, args[1:], stdout, stderr)
	case "bench":
		return runCommand("bench", benchCommands, args[1:], stdout, stderr)
	case "rules":
		return rules.Run(context.Background(), args[1:], stdout, stderr)
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, version.Print("skaldtool"))
		return exitOK
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	fmt.Fprintf(stderr, "skaldtool: unknown command %q\n\n%s", args[0], usage)
	return exitUsage
}
