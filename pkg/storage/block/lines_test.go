package block

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// families are the kinds of lines that tests and measurements make, by name.
var families = []struct {
	name string
	line func(r *rand.Rand, ts time.Time) string
}{
	{"json", jsonLine},
	{"logfmt", logfmtLine},
	{"nginx", nginxLine},
	{"java", javaLine},
	{"hdfs", hdfsLine},
	{"sshd", sshdLine},
	{"klog", klogLine},
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// zipf is a number below n, small ones more often.
func zipf(r *rand.Rand, n int) int { return int(float64(n) * r.Float64() * r.Float64() * r.Float64()) }

func address(r *rand.Rand) string {
	h := uint32(zipf(r, 4096)) * 2654435761
	return fmt.Sprintf("%d.%d.%d.%d", 1+h>>24&127, h>>16&255, h>>8&255, h&255)
}

func jsonLine(r *rand.Rand, ts time.Time) string {
	msg := pick(r, "request completed", "request completed", "request completed", "cache miss for key user:"+fmt.Sprint(zipf(r, 9999)), "upstream timeout after "+fmt.Sprint(r.IntN(3000))+"ms", `payment \"declined\"`)
	return fmt.Sprintf(`{"ts":"%s","level":"%s","caller":"http/server.go:%d","msg":"%s","method":"%s","path":"%s","status":%d,"duration_ms":%.3f,"bytes":%d,"user_id":%d,"remote_addr":"%s","trace_id":"%016x%016x"}`,
		ts.Add(-time.Duration(r.IntN(9e6))).Format(time.RFC3339Nano), pick(r, "info", "info", "info", "info", "warn", "error"), pick(r, 87, 132, 245, 310), msg,
		pick(r, "GET", "GET", "GET", "POST", "DELETE"), pick(r, "/api/v1/orders/", "/api/v1/users/", "/api/v2/cart/")+fmt.Sprint(zipf(r, 5000)),
		pick(r, 200, 200, 200, 200, 200, 201, 404, 500, 503), r.ExpFloat64()*40, zipf(r, 100000), zipf(r, 20000), address(r), r.Uint64(), r.Uint64())
}

func logfmtLine(r *rand.Rand, ts time.Time) string {
	switch r.IntN(3) {
	case 0:
		return fmt.Sprintf(`ts=%s caller=metrics.go:%d level=info component=querier org_id=%d msg="query done" latency=%s duration=%s bytes=%dkB query="{app=\"api\"} |= \"%x\""`,
			ts.UTC().Format("2006-01-02T15:04:05.000000000Z"), pick(r, 159, 160), zipf(r, 300), pick(r, "fast", "slow"), time.Duration(zipf(r, 5e9)), r.IntN(5000), r.IntN(1<<24))
	case 1:
		return fmt.Sprintf(`ts=%s caller=flush.go:198 level=%s msg="flushing stream" user=%d fp=%016x immediate=%v num_chunks=%d labels="{app=\"%s\", pod=\"%s-%x\"}"`,
			ts.UTC().Format("2006-01-02T15:04:05.000000000Z"), pick(r, "info", "debug"), zipf(r, 300), r.Uint64(), r.IntN(2) == 0, 1+zipf(r, 9), pick(r, "api", "web", "db"), pick(r, "api", "web"), zipf(r, 500))
	}
	return fmt.Sprintf(`ts=%s caller=table_manager.go:%d level=error msg="error creating table" table=index_%d err="context deadline exceeded"`, ts.UTC().Format("2006-01-02T15:04:05.000000000Z"), pick(r, 88, 90), 19000+zipf(r, 90))
}

func nginxLine(r *rand.Rand, ts time.Time) string {
	return fmt.Sprintf(`%s - - [%s] "%s %s HTTP/1.1" %d %d "%s" "%s"`, address(r), ts.UTC().Format("02/Jan/2006:15:04:05 -0700"), pick(r, "GET", "GET", "GET", "POST", "HEAD"),
		pick(r, "/", "/index.html", "/images/logo-"+fmt.Sprint(zipf(r, 300))+".png", "/blog/2014/"+fmt.Sprint(zipf(r, 2000))+"/post", "/search?q="+fmt.Sprintf("%x", zipf(r, 1<<20))), pick(r, 200, 200, 200, 304, 404, 500), zipf(r, 300000),
		pick(r, "-", "-", "http://example.com/blog/"+fmt.Sprint(zipf(r, 500)), "https://www.google.com/search?q=logs"),
		pick(r, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"+fmt.Sprint(100+zipf(r, 30))+".0.0.0 Safari/537.36", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) Gecko/20100101 Firefox/26.0", "curl/7."+fmt.Sprint(zipf(r, 80)), "kube-probe/1.29"))
}

func javaLine(r *rand.Rand, ts time.Time) string {
	head := fmt.Sprintf("%s %-5s [%s-%d] %s - ", ts.UTC().Format("2006-01-02 15:04:05,000"), pick(r, "INFO", "INFO", "INFO", "WARN"), pick(r, "http-nio-8080-exec", "scheduler", "kafka-consumer"), 1+zipf(r, 20), pick(r, "c.e.orders.OrderService", "c.e.web.RequestFilter", "o.a.k.c.Fetcher"))
	switch r.IntN(10) {
	case 0:
		trace := fmt.Sprintf("Order %d failed\njava.lang.IllegalStateException: no stock for item %d", r.IntN(1e6), zipf(r, 400))
		for i := range 3 + zipf(r, 12) {
			trace += fmt.Sprintf("\n\tat com.example.orders.%s.%s(%s.java:%d)", pick(r, "OrderService", "Stock", "Cart"), pick(r, "reserve", "check", "apply"), pick(r, "OrderService", "Stock"), 40+13*i)
		}
		return head + trace
	case 1, 2, 3:
		return head + fmt.Sprintf("Processed order %d for customer %d in %d ms", r.IntN(1e7), zipf(r, 1e5), zipf(r, 900))
	default:
		return head + fmt.Sprintf("Fetched %d records from partition orders-%d at offset %d", zipf(r, 500), zipf(r, 24), 1e8+r.IntN(1e6))
	}
}

func hdfsLine(r *rand.Rand, ts time.Time) string {
	block := int64(uint64(zipf(r, 60000))*0x9e3779b97f4a7c15) >> 1
	head := fmt.Sprintf("%s %d INFO ", ts.UTC().Format("060102 150405"), zipf(r, 3000))
	switch r.IntN(4) {
	case 0:
		return head + fmt.Sprintf("dfs.DataNode$PacketResponder: PacketResponder %d for block blk_%d terminating", r.IntN(3), block)
	case 1:
		return head + fmt.Sprintf("dfs.DataNode$DataXceiver: Receiving block blk_%d src: /10.250.%d.%d:%d dest: /10.250.%d.%d:50010", block, r.IntN(20), r.IntN(255), 32768+r.IntN(28000), r.IntN(20), r.IntN(255))
	case 2:
		return head + fmt.Sprintf("dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: 10.251.%d.%d:50010 is added to blk_%d size %d", r.IntN(20), r.IntN(255), block, pick(r, 67108864, 67108864, 3549917+r.IntN(9999)))
	}
	return head + fmt.Sprintf("dfs.DataNode$PacketResponder: Received block blk_%d of size 67108864 from /10.250.%d.%d", block, r.IntN(20), r.IntN(255))
}

func sshdLine(r *rand.Rand, ts time.Time) string {
	head := fmt.Sprintf("%s LabSZ sshd[%d]: ", ts.UTC().Format("Jan _2 15:04:05"), 20000+zipf(r, 9000))
	user := pick(r, "root", "root", "admin", "oracle", "test", "ubuntu", fmt.Sprintf("user%d", zipf(r, 500)))
	switch r.IntN(5) {
	case 0:
		return head + fmt.Sprintf("Failed password for %s from %s port %d ssh2", user, address(r), 1024+r.IntN(60000))
	case 1:
		return head + fmt.Sprintf("Invalid user %s from %s", user, address(r))
	case 2:
		return head + fmt.Sprintf("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%s  user=%s", address(r), user)
	case 3:
		return head + fmt.Sprintf("Received disconnect from %s: 11: Bye Bye [preauth]", address(r))
	}
	return head + fmt.Sprintf("reverse mapping checking getaddrinfo for %s.example.com [%s] failed - POSSIBLE BREAK-IN ATTEMPT!", user, address(r))
}

func klogLine(r *rand.Rand, ts time.Time) string {
	head := fmt.Sprintf("%s%s %7d ", pick(r, "I", "I", "I", "W", "E"), ts.UTC().Format("0102 15:04:05.000000"), pick(r, 1, 1, 2231))
	pod := fmt.Sprintf("%s-%s-%05x", pick(r, "coredns", "api-server", "web"), pick(r, "7db6d8ff4d", "5c98db65d4"), zipf(r, 1<<20))
	switch r.IntN(3) {
	case 0:
		return head + fmt.Sprintf(`kubelet.go:2456] "SyncLoop (PLEG): event for pod" pod="kube-system/%s" event={"ID":"%08x-1234-4abc-8def-%012x","Type":"ContainerStarted"}`, pod, r.Uint32(), r.Uint64()>>16)
	case 1:
		return head + fmt.Sprintf(`reconciler.go:%d] operationExecutor.VerifyControllerAttachedVolume started for volume "config-volume" (UniqueName: "kubernetes.io/configmap/%s")`, pick(r, 224, 231), pod)
	}
	return head + fmt.Sprintf(`httplog.go:132] "HTTP" verb="%s" URI="/api/v1/namespaces/default/pods/%s" latency="%.6fms" userAgent="kube-probe/1.27" srcIP="10.0.%d.%d:%d" resp=%d`, pick(r, "GET", "LIST", "PUT"), pod, r.ExpFloat64()*5, r.IntN(4), r.IntN(255), 30000+r.IntN(30000), pick(r, 200, 200, 404))
}

// familyRows makes rows of one kind, of about size bytes, in a few streams.
func familyRows(family int, seed uint64, size int) []Row {
	r := rand.New(rand.NewPCG(seed, uint64(family)))
	ts := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	var rows []Row
	for size > 0 {
		ts = ts.Add(time.Duration(r.ExpFloat64() * 2e6))
		line := families[family].line(r, ts)
		rows = append(rows, Row{Stream: uint32(r.IntN(3)), Timestamp: ts.UnixNano() + r.Int64N(1e6), Line: line})
		size -= len(line)
	}
	return rows
}

// fileRows makes rows of the lines of a file, up to size bytes.
func fileRows(name string, size int) ([]Row, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(1, 3))
	ts := int64(1_700_000_000_000_000_000)
	var rows []Row
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if size -= len(line); size < 0 {
			break
		}
		ts += int64(r.ExpFloat64() * 5e7)
		rows = append(rows, Row{Timestamp: ts, Line: string(line)})
	}
	return rows, nil
}

// dataFiles lists the files of real lines that SKALD_TEST_DATA has.
func dataFiles(t testing.TB) []string {
	dir := os.Getenv("SKALD_TEST_DATA")
	if dir == "" {
		t.Skip("SKALD_TEST_DATA does not name a folder of logs")
	}
	var files []string
	for _, pattern := range []string{"*.log", "*/*.log"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatalf("no logs in %s", dir)
	}
	return files
}

// trickyRows makes lines that are hard to take apart and to give back.
func trickyRows(r *rand.Rand) []Row {
	values := []string{
		"", "0", "00", "007", "-0", "+1", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999999", "1.0", "1.", ".5", "-0.0", "-0.50", "1.2.3", "1e9", "0x1F", "0xdeadBEEF", "0x",
		"1.2.3.4", "256.1.1.1", "01.2.3.4", "1.2.3.4.5", "deadbeef", "DEADBEEF", "DeadBeef", "0badcafe", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "123e4567-e89b-12d3-a456-42661417400",
		"2024-02-30 10:00:00", "2024-02-29 10:00:00", "2023-02-29T10:00:00Z", "2026-05-01T10:00:00.120Z", "2026-05-01T10:00:00.12Z", "2026-05-01T10:00:00Z", "2026-05-01T10:00:60Z", "2026-05-01T10:00:00.1234567890Z", "2026-05-01T10:00:00,5", "0000-00-00 00:00:00", "9999-12-31 23:59:59", "1901-01-01 00:00:00.000001",
		"Jan  1 00:00:00", "Jan 01 00:00:00", "Feb 30 00:00:00", "Sun Dec 04 04:47:44 2005", "Mon Dec 04 04:47:44 2005", "0102 15:04:05.000000", "I0102 15:04:05.000000", "10:00:00", "24:00:00", "081109 203615", "17/May/2015:10:05:03 +0000", "17/06/09 20:10:40",
		`"`, `\`, `\"`, `"a\"b"`, `"unterminated`, "a\x00b", "\x00", "\xff", "\xff\xfe\x00", "ünïcödé", "日本語1", "\u2028", "ta\u017fk", "TASK 7", "\u212aernel", "kernel", "tail\nsecond line\n\tat x(y:1)", "\n", "\r\n", "5ms", "1.5s", "12KiB", "3abc", "abc3", "a1b2", "v1beta2", "k=v", "k=", "=", "a=b=c", "  ", "\t",
	}
	value := func() string {
		switch r.IntN(8) {
		case 0:
			return fmt.Sprint(r.Int64() >> r.IntN(64))
		case 1:
			return fmt.Sprintf("%x", r.Uint64()>>r.IntN(64))
		case 2:
			b := make([]byte, r.IntN(12))
			for i := range b {
				b[i] = byte(r.Uint32() >> (r.IntN(3) * 8))
			}
			return string(b)
		}
		return values[r.IntN(len(values))]
	}
	forms := []func() string{
		value,
		func() string { return fmt.Sprintf(`{"a":"%s","b":%s,"a":"%s"}`, value(), value(), value()) },
		func() string {
			return fmt.Sprintf(`{"a":{"b":[%s,"%s",null,true]},"c" : "%s","d":{" e ":"%s","":%d}}`, value(), value(), value(), value(), r.IntN(1000))
		},
		func() string { return `{"a` + value() + `":` + value() + "}" },
		func() string { return fmt.Sprintf(`a=%s b="%s" c=%s`, value(), value(), value()) },
		func() string { return fmt.Sprintf(`a=%s b="%s c=%s=`, value(), value(), value()) },
		func() string { return fmt.Sprintf("user %s from %s port %s", value(), value(), value()) },
		func() string { return value() + value() + value() },
		func() string {
			return fmt.Sprintf("%s [%s] \"%s\" (%s) x=%s", value(), value(), value(), value(), value())
		},
		func() string { return strings.Repeat(value()+" ", r.IntN(30)) },
		func() string { return fmt.Sprintf("at %s\n%s\n%s", value(), value(), value()) },
	}
	if r.IntN(10) == 0 {
		forms = append(forms,
			func() string { return strings.Repeat("1 ", 500) },
			func() string { return strings.Repeat("word ", 4000) },
			func() string { return "{" + strings.Repeat(`"k":1,`, 399+r.IntN(4)) + `"k":2}` })
	}
	few := forms[r.IntN(len(forms)):]
	rows := make([]Row, 1+r.IntN(400))
	for i := range rows {
		rows[i] = Row{Stream: uint32(r.IntN(3)), Timestamp: 1_777_000_000_000_000_000 + r.Int64N(1e10), Line: few[r.IntN(len(few))]()}
		if r.IntN(5) > 0 && len(values) > 3 {
			rows[i].Line = few[0]()
		}
	}
	return rows
}
