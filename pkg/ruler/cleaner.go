package ruler

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// WALCleanerConfig is about WALs whose tenants have no rules here any more.
type WALCleanerConfig struct {
	MinAge time.Duration `yaml:"min_age"`
	Period time.Duration `yaml:"period"`
}

// cleanWALs removes the WALs of tenants without rules that nobody has written to
// for long: what they hold was sent, or nobody waits for it.
func (r *Ruler) cleanWALs(now time.Time) {
	entries, err := os.ReadDir(r.cfg.WAL.Dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			level.Error(r.logger).Log("msg", "WALs of former tenants stay", "err", err)
		}
		return
	}
	r.mu.Lock() // no tenant may begin to write to one meanwhile
	defer r.mu.Unlock()
	abandoned := 0
	defer func() { r.metrics.abandoned.Set(float64(abandoned)) }()
	for _, e := range entries {
		tenant, err := objstore.DecodeTenant(e.Name())
		if err != nil || !e.IsDir() || r.tenants[tenant] != nil {
			continue
		}
		abandoned++
		dir := filepath.Join(r.cfg.WAL.Dir, e.Name())
		last, err := lastWrite(dir)
		if err == nil && now.Sub(last) < r.cfg.WALCleaner.MinAge {
			continue
		}
		if err == nil {
			err = os.RemoveAll(dir)
		}
		if err != nil {
			r.metrics.cleanErrors.Inc()
			level.Error(r.logger).Log("msg", "the WAL of a former tenant stays", "tenant", tenant, "err", err)
			continue
		}
		abandoned--
		r.metrics.cleaned.Inc()
		level.Info(r.logger).Log("msg", "the WAL of a former tenant is removed", "tenant", tenant)
	}
}

// lastWrite is when something below a folder was last changed.
func lastWrite(dir string) (time.Time, error) {
	var last time.Time
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
		return nil
	})
	return last, err
}
