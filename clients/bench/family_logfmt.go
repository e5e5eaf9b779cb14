package bench

// logfmtApp are the lines of services that log key=value pairs.
var logfmtApp = family{name: "logfmt", mean: 210, line: logfmtLine}

var (
	components = []string{"frontend", "worker", "dispatcher", "index", "queue"}
	queues     = []string{"default", "mail", "thumbnails", "exports", "reindex", "webhooks"}
)

func logfmtLine(s *slice, src *source) {
	s.text("ts=")
	s.time("2006-01-02T15:04:05.000000Z")
	reset := s.chance(0.003)
	level := "info"
	switch u := s.rnd.Float64(); {
	case reset:
		level = "error"
	case u < 0.05:
		level = "warn"
	case u < 0.30:
		level = "debug"
	}
	s.text(" level=")
	s.text(level)
	s.text(" caller=")
	s.text(s.often(components))
	s.text(".go:")
	s.num(30 + s.few(12)*41)
	s.text(" component=")
	s.text(s.often(components))
	switch kind := s.rnd.IntN(10); {
	case reset:
		s.text(` msg="task failed" task_id=`)
		s.uuid()
		s.text(` err="read tcp `)
		s.text(s.any(s.g.vocab.hosts))
		s.text(":")
		s.num(32768 + s.rnd.IntN(28_000))
		s.text("->")
		s.text(s.any(s.g.vocab.hosts))
		s.text(`:5432: read: connection reset by peer" retry_in=`)
		s.num(1 << s.rnd.IntN(7))
		s.text("s")
	case kind < 5:
		s.text(` msg="query executed" org_id=`)
		s.num(s.few(90))
		s.text(" trace_id=")
		s.text(s.request())
		s.text(` query="status:`)
		s.text(s.often(queues))
		s.text(" id:")
		s.num(s.few(1_000_000))
		s.text(`" took_ms=`)
		s.num(s.latency(200) / 160)
		s.text(" hits=")
		s.num(s.few(10_000))
		s.text(" shards=")
		s.num(1 + s.rnd.IntN(16))
		s.text(" cache=")
		s.text([]string{"hit", "miss"}[s.few(2)])
	case kind < 8:
		s.text(` msg="task done" queue=`)
		s.text(s.often(queues))
		s.text(" task_id=")
		s.uuid()
		s.text(" attempt=")
		s.num(1 + s.few(4))
		s.text(" duration=")
		took := s.latency(200) * 9
		s.thousandths(took)
		s.text("ms took_ms=")
		s.num(took / 1000)
		s.text(" worker=")
		s.num(s.rnd.IntN(64))
	default:
		s.text(` msg="lease renewed" shard=`)
		s.num(s.rnd.IntN(512))
		s.text(" holder=")
		s.text(src.pod)
		s.text(" epoch=")
		s.num(int(s.at.Unix()-s.g.corpus.Start.Unix()) + s.rnd.IntN(3))
		s.text(" ttl=15s took_ms=")
		s.num(s.few(40))
	}
}
