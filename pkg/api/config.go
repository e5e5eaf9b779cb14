package api

import "flag"

// FrontendConfig says how questions are answered.
type FrontendConfig struct {
	// CompressResponses answers in gzip where the client takes it.
	CompressResponses bool `yaml:"compress_responses"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *FrontendConfig) RegisterFlags(f *flag.FlagSet) {
	f.BoolVar(&c.CompressResponses, "querier.compress-http-responses", false, "Answer queries in gzip where the client takes it.")
}
