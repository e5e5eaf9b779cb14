// Command skald is the server: every role of it, or those that -target names.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/machine"
	"github.com/skaldlogs/skald/pkg/skald"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	loaded, err := skald.Load(args, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "skald: "+strings.ReplaceAll(err.Error(), "\n", "\nskald: "))
		return 1
	}
	switch loaded.Action {
	case skald.PrintHelp, skald.PrintAllHelp:
		fmt.Print(skald.Help(loaded.Action == skald.PrintAllHelp))
	case skald.PrintVersion:
		fmt.Println(version.Print("skald"))
	case skald.ListTargets:
		fmt.Print(skald.Targets())
	case skald.PrintConfig:
		return printConfig(os.Stdout, &loaded.Config)
	case skald.VerifyConfig:
		loaded.LogWarnings(logger(loaded)(prometheus.NewRegistry()))
		fmt.Println("the configuration is fine")
	case skald.RunServer:
		if err := serve(loaded); err != nil {
			fmt.Fprintln(os.Stderr, "skald: "+err.Error())
			return 1
		}
	}
	return 0
}

func logger(l *skald.Loaded) func(prometheus.Registerer) *skald.Logger {
	return func(reg prometheus.Registerer) *skald.Logger {
		return skald.NewLogger(os.Stderr, l.Config.Server.LogFormat, l.Config.Server.LogLevel, reg)
	}
}

func printConfig(to *os.File, c *skald.Config) int {
	text, err := yaml.Marshal(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "skald: print configuration: "+err.Error())
		return 1
	}
	_, _ = to.Write(text)
	return 0
}

func serve(l *skald.Loaded) error {
	machine.TuneGC()
	if l.PrintToStderr {
		printConfig(os.Stderr, &l.Config)
	}
	s, err := skald.New(l.Config, logger(l))
	if err != nil {
		return err
	}
	l.LogWarnings(s.Logger())
	ctx, stop := skald.UntilSignal(context.Background(), os.Stderr, s.Logger())
	defer stop()
	return s.Run(ctx)
}
