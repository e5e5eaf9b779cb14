package config

const whyUnused = "the agent has no use for it"

// A Warning is about a setting that has no effect.
type Warning struct {
	What string
	Why  string
	Line int // in the file; 0 for a flag, or where it is not known
}

// warnings are about settings that are known and have no effect.
func (c *Config) warnings() []Warning {
	var out []Warning
	add := func(what, why string) { out = append(out, Warning{What: what, Why: why}) }
	for _, k := range c.Server.ignored {
		out = append(out, Warning{What: "server." + k.Name, Why: whyUnused, Line: k.Line})
	}
	if c.WAL != (WAL{}) {
		add("wal", "positions advance only when a server has acknowledged, so nothing is lost without it")
	}
	if c.Tracing != nil {
		out = append(out, Warning{What: "tracing", Why: "the agent makes no traces", Line: c.Tracing.Line})
	}
	if len(c.Options) > 0 {
		add("options", whyUnused)
	}
	if w, usual := c.Global.FileWatch, Default().Global.FileWatch; w.MaxPollFrequency != w.MinPollFrequency && w.MaxPollFrequency != usual.MaxPollFrequency {
		add("global.file_watch_config.max_poll_frequency", "files that are written to are looked at every min_poll_frequency, others when their folder changes or patterns are matched again")
	}
	if l := c.Limits; !l.ReadlineRateEnabled && (l.ReadlineRate != Default().Limits.ReadlineRate || l.ReadlineBurst != Default().Limits.ReadlineBurst) {
		add("limits_config.readline_rate", "readline_rate_enabled is not set")
	}
	if l := c.Limits; l.MaxLineSizeTruncate && l.MaxLineSize == 0 {
		add("limits_config.max_line_size_truncate", "max_line_size is not set")
	}
	for i := range c.Scrape {
		s := &c.Scrape[i]
		of := " of job " + s.JobName
		files := len(s.Static)+len(s.Files)+len(s.Kubernetes) > 0
		if s.Encoding != "" && !files {
			add("encoding"+of, "it is for files, and the job has none")
		}
		switch d := s.Decompression; {
		case d.Enabled && !files:
			add("decompression"+of, "it is for files, and the job has none")
		case !d.Enabled && d != (Decompression{}):
			add("decompression"+of, "it is not enabled")
		}
		if !files && s.Syslog == nil && s.Journal == nil && s.Push == nil && s.Events == nil && s.Unserved == (Unserved{}) {
			add("scrape_configs: job "+s.JobName, "it names nothing to read")
		}
	}
	return out
}
