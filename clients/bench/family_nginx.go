package bench

// nginxAccess are access logs in the combined format, with the time of the
// request at the end.
var nginxAccess = family{name: "nginx", mean: 244, line: nginxLine}

var (
	sites    = []string{"/", "/product/", "/category/", "/search?q=", "/static/js/app.", "/static/img/", "/cart", "/checkout", "/api/v1/prices/"}
	referers = []string{"-", "https://shop.example/", "https://shop.example/category/shoes", "https://www.google.com/", "https://news.example/today"}
	searches = []string{"red+shoes", "usb+cable", "winter+coat", "lamp", "office+chair", "tea", "running+socks"}
)

func nginxLine(s *slice, _ *source) {
	s.text(s.often(s.g.vocab.clients))
	s.text(" - ")
	if s.chance(0.1) {
		s.text(s.often(s.g.vocab.users))
	} else {
		s.text("-")
	}
	s.text(" [")
	s.time("02/Jan/2006:15:04:05 -0700")
	s.text(`] "`)
	s.text(s.any(methods))
	s.text(" ")
	site := s.often(sites)
	s.text(site)
	switch site {
	case "/product/", "/api/v1/prices/":
		s.num(s.few(80_000))
	case "/category/", "/search?q=":
		s.text(s.often(searches))
		s.text("&page=")
		s.num(1 + s.few(20))
	case "/static/js/app.":
		s.text(s.often(s.g.vocab.digests)[:12])
		s.text(".js")
	case "/static/img/":
		s.num(s.few(30_000))
		s.text(".webp")
	}
	s.text(` HTTP/2.0" `)
	status := s.status()
	s.num(status)
	s.text(" ")
	s.num(s.few(180_000))
	s.text(` "`)
	s.text(s.often(referers))
	s.text(`" "`)
	s.text(s.often(s.g.vocab.agents))
	s.text(`" rt=`)
	s.thousandths(s.latency(status) / 1000)
	s.text(" uct=")
	s.float(s.rnd.ExpFloat64()/500, 3)
	s.text(" upstream=")
	s.text(s.often(s.g.vocab.hosts))
	s.text(":8080")
}
