package bench

// javaApp are lines as Logback writes them. One in fifteen has a stack trace, as
// further lines of the same entry.
var javaApp = family{name: "java", mean: 215, line: javaLine}

var (
	classes    = []string{"c.a.billing.InvoiceService", "c.a.billing.PaymentClient", "c.a.billing.pdf.Renderer", "o.s.b.w.e.t.TomcatWebServer", "c.z.hikari.pool.HikariPool", "c.a.billing.batch.NightlyJob"}
	exceptions = []string{"java.lang.IllegalStateException: invoice is locked", "java.util.concurrent.TimeoutException: no answer in 30000 ms", "org.postgresql.util.PSQLException: ERROR: deadlock detected", "java.lang.NullPointerException: Cannot invoke \"Customer.getVatId()\""}
	frames     = []string{
		"c.a.billing.InvoiceService.create(InvoiceService.java:", "c.a.billing.InvoiceService.lock(InvoiceService.java:", "c.a.billing.PaymentClient.call(PaymentClient.java:",
		"org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:", "org.springframework.transaction.interceptor.TransactionInterceptor.invoke(TransactionInterceptor.java:",
		"org.hibernate.internal.SessionImpl.doFlush(SessionImpl.java:", "com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:", "java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:",
	}
)

func javaLine(s *slice, _ *source) {
	s.time("2006-01-02 15:04:05.000")
	thread := func() {
		s.text(" [pool-")
		s.num(1 + s.few(4))
		s.text("-thread-")
		s.num(1 + s.rnd.IntN(32))
		s.text("] ")
	}
	if s.chance(1.0 / 15) {
		s.text(" ERROR")
		thread()
		s.text(s.often(classes))
		s.text(" - Invoice ")
		s.num(4_000_000 + s.few(900_000))
		s.text(" could not be processed\n")
		if s.chance(0.012) {
			s.text("java.net.ConnectException: Connection refused")
		} else {
			s.text(s.often(exceptions))
		}
		for range 4 + s.rnd.IntN(14) {
			s.text("\n\tat ")
			s.text(s.any(frames))
			s.num(30 + s.few(40)*13)
			s.text(")")
		}
		s.text("\n\tat java.base/java.lang.Thread.run(Thread.java:1583)")
		return
	}
	s.text([]string{" INFO ", " INFO ", " DEBUG", " WARN "}[s.few(4)])
	thread()
	switch s.rnd.IntN(4) {
	case 0, 1:
		s.text("c.a.billing.InvoiceService - Created invoice ")
		s.num(4_000_000 + s.few(900_000))
		s.text(" for customer ")
		s.num(s.few(60_000))
		s.text(" total=")
		s.thousandths(s.latency(200) * 10)
		s.text(" EUR in ")
		s.num(s.latency(200) / 1000)
		s.text(" ms")
	case 2:
		s.text("c.z.hikari.pool.HikariPool - HikariPool-1 - Pool stats (total=")
		s.num(20)
		s.text(", active=")
		s.num(s.rnd.IntN(20))
		s.text(", idle=")
		s.num(s.rnd.IntN(20))
		s.text(", waiting=")
		s.num(s.few(6))
		s.text(")")
	case 3:
		s.text("c.a.billing.PaymentClient - Booked payment ")
		s.uuid()
		s.text(" of invoice ")
		s.num(4_000_000 + s.few(900_000))
		s.text(", correlation ")
		s.text(s.request())
	}
}
