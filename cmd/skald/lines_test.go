package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// corpus returns lines by family: those of the files that SKALD_BENCH_LINES
// names (a glob), or made ones in the manner of what clusters log.
func corpus(tb testing.TB) map[string][]string {
	if glob := os.Getenv("SKALD_BENCH_LINES"); glob != "" {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			tb.Fatalf("SKALD_BENCH_LINES=%s: no files (%v)", glob, err)
		}
		out := map[string][]string{}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				tb.Fatal(err)
			}
			out[filepath.Base(f)] = strings.Split(strings.TrimRight(string(text), "\n"), "\n")
		}
		return out
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	out := map[string][]string{}
	for name, line := range families {
		for n := range 20_000 {
			out[name] = append(out[name], line(rnd, time.Unix(1_700_000_000, int64(n)*7_000_000).UTC()))
		}
	}
	return out
}

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

func ip(r *rand.Rand) string {
	return fmt.Sprintf("10.%d.%d.%d", r.IntN(4), r.IntN(32), 1+r.IntN(250))
}

var families = map[string]func(*rand.Rand, time.Time) string{
	"gateway": func(r *rand.Rand, t time.Time) string {
		return fmt.Sprintf(`{"ts":%q,"level":%q,"msg":"request handled","method":%q,"path":"/api/v1/%s/%d","status":%d,"duration_ms":%.3f,"bytes":%d,"trace_id":"%016x%016x","client":%q}`,
			t.Format(time.RFC3339Nano), pick(r, "info", "info", "info", "info", "warn", "error"), pick(r, "GET", "GET", "POST", "DELETE"),
			pick(r, "orders", "users", "carts"), r.IntN(100_000), []int{200, 200, 200, 201, 404, 500}[r.IntN(6)], r.ExpFloat64()*20, r.IntN(50_000), r.Uint64(), r.Uint64(), ip(r))
	},
	"querier": func(r *rand.Rand, t time.Time) string {
		return fmt.Sprintf(`level=%s ts=%s caller=%s.go:%d component=%s msg="%s" tenant=%d duration=%.6fms status=%d`,
			pick(r, "info", "info", "debug", "warn"), t.Format("2006-01-02T15:04:05.000000Z"), pick(r, "engine", "metrics", "spanlogger"), r.IntN(400),
			pick(r, "frontend", "querier", "ingester"), pick(r, "query executed", "request served", "cache lookup"), r.IntN(50), r.ExpFloat64()*8, 200+r.IntN(4)*100)
	},
	"nginx": func(r *rand.Rand, t time.Time) string {
		return fmt.Sprintf(`%s - - [%s] "%s /%s/%d HTTP/1.1" %d %d "https://shop.example/%s" "Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0 Safari/537.36"`,
			ip(r), t.Format("02/Jan/2006:15:04:05 -0700"), pick(r, "GET", "GET", "POST"), pick(r, "img", "cart", "product", "search"), r.IntN(9000),
			[]int{200, 200, 304, 404, 502}[r.IntN(5)], r.IntN(60_000), pick(r, "", "home", "sale"), pick(r, "X11; Linux x86_64", "Macintosh; Intel Mac OS X 10_15_7", "Windows NT 10.0; Win64; x64"), 90+r.IntN(40))
	},
	"billing": func(r *rand.Rand, t time.Time) string {
		s := fmt.Sprintf("%s %-5s [pool-%d-thread-%d] com.acme.billing.%s - %s %08x",
			t.Format("2006-01-02 15:04:05,000"), pick(r, "INFO", "INFO", "DEBUG", "WARN", "ERROR"), 1+r.IntN(3), r.IntN(32),
			pick(r, "InvoiceService", "PaymentClient", "Scheduler"), pick(r, "processed invoice", "retrying payment", "tick"), r.Uint32())
		if r.IntN(20) == 0 {
			s += "\njava.lang.IllegalStateException: connection reset\n\tat com.acme.billing.PaymentClient.call(PaymentClient.java:" + fmt.Sprint(r.IntN(300)) + ")\n\tat java.base/java.lang.Thread.run(Thread.java:840)"
		}
		return s
	},
	"sshd": func(r *rand.Rand, t time.Time) string {
		return fmt.Sprintf("%s bastion sshd[%d]: %s from %s port %d ssh2", t.Format("Jan _2 15:04:05"), 1000+r.IntN(30_000),
			pick(r, "Failed password for root", "Failed password for invalid user admin", "Accepted publickey for deploy"), ip(r), 1024+r.IntN(60_000))
	},
	"hdfs": func(r *rand.Rand, t time.Time) string {
		return fmt.Sprintf("%s %d INFO dfs.%s: %s blk_%d of size %d from /%s", t.Format("060102 150405"), r.IntN(4000),
			pick(r, "DataNode$PacketResponder", "FSNamesystem"), pick(r, "Received block", "Served block", "Deleting block"), int64(r.Uint64()), r.IntN(67_108_864), ip(r))
	},
	"worker": func(r *rand.Rand, _ time.Time) string {
		return fmt.Sprintf("job %d attempt %d took %dms queue=%s", r.IntN(1_000_000), 1+r.IntN(3), r.IntN(4000), pick(r, "mail", "thumbs", "export"))
	},
}
