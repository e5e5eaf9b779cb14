// Package logqltest checks engines of LogQL by scripts that read as prose, and
// by a naive twin.
//
// A script loads streams and asks for what queries answer:
//
//	# Fields of logfmt lines are labels that filters can compare.
//
//	load {app="api", env="prod"}
//	  1s  level=info status=200 path=/
//	  2s  level=error status=500 path=/pay
//
//	eval logs {env="prod"} | logfmt | status >= 500
//	  {app="api", env="prod", level="error", path="/pay", status="500"}
//	    2s  level=error status=500 path=/pay
//
//	eval instant at 60s  sum by (app) (count_over_time({env="prod"}[1m]))
//	  {app="api"} 2
//
//	eval range 0s to 120s step 60s  count_over_time({app="api"}[1m])
//	  {app="api", env="prod"} 0s 60s=2 …
//
//	eval fail {env="prod"} | logfmt | status >=
//	  parse error at line 1, col 34
//
// [Run] says what each line may hold.
//
// # Sources
//
// A [Source] is a scan source in memory. It lays the same entries out in blocks
// as its [Layout] says: generations, blocks of several streams, overlapping
// runs, copies of entries, tails that are not sorted yet, filters answered or
// not. An answer must not depend on any of that, so a script is run over many
// random layouts; a failure prints the seed of its layout.
//
// This package is for tests. It may be used by tests of any package that
// answers queries.
package logqltest
