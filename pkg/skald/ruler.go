package skald

import (
	"github.com/grafana/dskit/services"

	"github.com/skaldlogs/skald/pkg/ruler"
)

// initRuler builds the ruler over the querier of this process.
func (s *Skald) initRuler() (services.Service, error) {
	cfg := s.cfg.Ruler
	store := ruler.NewBucketStore(s.bucket)
	if cfg.Storage.Kind() == ruler.LocalStorage {
		store = ruler.NewLocalStore(cfg.Storage.Local.Directory, s.logger)
	}
	s.ruler = ruler.New(cfg, ruler.Options{
		Store:      store,
		Querier:    s.querier,
		Bucket:     s.bucket,
		Instance:   s.cfg.Ingester.Ring.InstanceID,
		Limits:     s.overrides,
		Logger:     s.logger,
		Registerer: s.reg,
	})
	return s.ruler, nil
}
