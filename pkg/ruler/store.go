package ruler

import (
	"context"
	"errors"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

// Errors of rule stores.
var (
	ErrReadOnly          = errors.New("unsupported in rule local store: the rules are files that are changed in their folder")
	ErrGroupNotFound     = errors.New("group does not exist")
	ErrNamespaceNotFound = errors.New("group namespace does not exist")
)

// A RuleStore keeps the groups of tenants. It must be safe for concurrent use.
type RuleStore interface {
	// Tenants are those that have groups.
	Tenants(ctx context.Context) ([]string, error)
	// Load returns the namespaces of a tenant by name, and their groups. A tenant
	// without rules has none.
	Load(ctx context.Context, tenant string) ([]rulefile.Namespace, error)
	// Put creates or replaces a group.
	Put(ctx context.Context, tenant, namespace string, g rulefile.Group) error
	// Delete removes a group, or all of a namespace where group is empty. The
	// error wraps ErrGroupNotFound or ErrNamespaceNotFound where there is none.
	Delete(ctx context.Context, tenant, namespace, group string) error
}
