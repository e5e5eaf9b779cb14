// Package logqltest checks what answers LogQL by scripts that read as prose.
//
// A script loads streams and says what queries answer:
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
//	  {app="api", env="prod"} 60s=2
//
//	eval fail {env="prod"} | logfmt | status >=
//	  parse error at line 1, col 34: expected a value after ">="
//
// # Lines of a script
//
//   - # begins a comment, on a line of its own.
//   - load LABELS adds entries to a stream, one for each indented line, in the
//     order of their arrival: a time, and the line. @{a="b"} between them is
//     structured metadata. A line in double quotes is a Go string.
//   - eval logs [forward] [limit N] [interval D] [from T to T] [categorize] QUERY
//     names the streams and their entries. Without from it is for all time, and
//     without limit for 1000 entries.
//   - eval instant at T QUERY and eval range T to T step D QUERY name series,
//     or a number.
//   - eval fail, with or without the rest of another eval, names the beginning of
//     the error; a metric is evaluated at 60s if nothing else is said.
//
// Times are durations since 1970. Values may differ by 1e-12 of their size.
//
// # Sources
//
// A [Source] is a scan source in memory. It lays the same entries out in blocks
// as its [Layout] says: generations, blocks of several streams, overlapping
// runs, copies of entries, tails that are not sorted yet, filters answered or
// not. An answer must not depend on any of that, so scripts are run over many
// random layouts; a failure prints the seed of its layout.
//
// This package is for tests of all that answers queries.
package logqltest
