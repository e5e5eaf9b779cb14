package ruler

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/objstore"
)

// rulesPrefix is where groups lie: rules/<tenant>/<namespace>/<group>, each
// element encoded, so that no name of a user's is a path.
const rulesPrefix = "rules/"

// maxGroupBytes bounds one group.
const maxGroupBytes = 4 << 20

// A bucketStore keeps each group as an object.
type bucketStore struct{ bucket objstore.Bucket }

// NewBucketStore keeps rules in a bucket.
func NewBucketStore(b objstore.Bucket) RuleStore { return &bucketStore{b} }

// A stored is the object of a group. It says by itself whose it is: long names
// are not in the object's name.
type stored struct {
	Tenant    string         `yaml:"tenant"`
	Namespace string         `yaml:"namespace"`
	Group     rulefile.Group `yaml:"group"`
}

// element is a path element for a name: the same for no other.
func element(name string) string {
	if name == "" {
		return "_"
	}
	// Names of up to 100 bytes are in hex, longer ones by their beginning and hash.
	if len(name) <= 100 {
		return hex.EncodeToString([]byte(name))
	}
	return hex.EncodeToString([]byte(name[:60])) + "=" + hash(name)
}

func groupObject(tenant, namespace, group string) string {
	return namespacePrefix(tenant, namespace) + element(group)
}

func namespacePrefix(tenant, namespace string) string {
	return rulesPrefix + objstore.EncodeTenant(tenant) + "/" + element(namespace) + "/"
}

// Tenants implements [RuleStore].
func (s *bucketStore) Tenants(ctx context.Context) ([]string, error) {
	var tenants []string
	err := s.bucket.List(ctx, rulesPrefix, func(i objstore.Info) error {
		name, _, _ := strings.Cut(strings.TrimPrefix(i.Name, rulesPrefix), "/")
		if n := len(tenants); n == 0 || tenants[n-1] != name {
			tenants = append(tenants, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the tenants with rules: %w", err)
	}
	out := tenants[:0]
	for _, name := range tenants {
		if t, err := objstore.DecodeTenant(name); err == nil {
			out = append(out, t)
		}
	}
	return out, nil
}

// Load implements [RuleStore].
func (s *bucketStore) Load(ctx context.Context, tenant string) ([]rulefile.Namespace, error) {
	byName := map[string][]rulefile.Group{}
	err := s.bucket.List(ctx, rulesPrefix+objstore.EncodeTenant(tenant)+"/", func(i objstore.Info) error {
		g, err := s.read(ctx, i.Name)
		if errors.Is(err, objstore.ErrNotFound) {
			return nil // deleted meanwhile
		}
		if err != nil {
			return err
		}
		byName[g.Namespace] = append(byName[g.Namespace], g.Group)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the rules of tenant %s: %w", tenant, err)
	}
	out := make([]rulefile.Namespace, 0, len(byName))
	for name, groups := range byName {
		slices.SortFunc(groups, func(a, b rulefile.Group) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, rulefile.Namespace{Name: name, Groups: groups})
	}
	slices.SortFunc(out, func(a, b rulefile.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func (s *bucketStore) read(ctx context.Context, name string) (*stored, error) {
	data, err := objstore.ReadAll(ctx, s.bucket, name, maxGroupBytes)
	if err != nil {
		return nil, err
	}
	var g stored
	if err := yaml.Unmarshal(data, &g); err != nil {
		return nil, fmt.Errorf("rule group %s: %w", name, err)
	}
	return &g, nil
}

// Put implements [RuleStore].
func (s *bucketStore) Put(ctx context.Context, tenant, namespace string, g rulefile.Group) error {
	data, err := yaml.Marshal(stored{tenant, namespace, g})
	if err != nil {
		return fmt.Errorf("write rule group %s: %w", g.Name, err)
	}
	if len(data) > maxGroupBytes {
		return fmt.Errorf("write rule group %s: it has %d bytes, and may have %d", g.Name, len(data), maxGroupBytes)
	}
	return s.bucket.Put(ctx, groupObject(tenant, namespace, g.Name), bytes.NewReader(data), int64(len(data)))
}

// Delete implements [RuleStore].
func (s *bucketStore) Delete(ctx context.Context, tenant, namespace, group string) error {
	if group != "" {
		name := groupObject(tenant, namespace, group)
		if _, err := s.bucket.Stat(ctx, name); errors.Is(err, objstore.ErrNotFound) {
			return ErrGroupNotFound
		} else if err != nil {
			return err
		}
		return s.bucket.Delete(ctx, name)
	}
	var names []string
	err := s.bucket.List(ctx, namespacePrefix(tenant, namespace), func(i objstore.Info) error {
		names = append(names, i.Name)
		return nil
	})
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return ErrNamespaceNotFound
	}
	for _, name := range names {
		if err := s.bucket.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
