package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/grafana/dskit/tenant"
	"github.com/grafana/dskit/user"
)

// NoAuthTenant owns everything when multi-tenancy is off.
const NoAuthTenant = "fake"

// The ways in which a request may fail to name its tenant.
var (
	errNoTenant    = errors.New("no org id")
	errManyTenants = errors.New("multiple org IDs present")
)

// tenants says who asks: the ids in X-Scope-OrgID, sorted, each once.
// What follows a colon in an id is for routers on the way, and not part of it.
func (a *API) tenants(header string) ([]string, error) {
	if !a.cfg.MultiTenancy {
		return []string{NoAuthTenant}, nil
	}
	if header == "" {
		return nil, errNoTenant
	}
	ids := strings.Split(header, "|")
	for n, id := range ids {
		id, _, _ = strings.Cut(id, ":")
		if id == "" {
			return nil, errNoTenant
		}
		if err := tenant.ValidTenantID(id); err != nil {
			return nil, badRequest(err)
		}
		ids[n] = id
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// oneTenant is for what is done in the name of one tenant.
func (a *API) oneTenant(r *http.Request) (string, error) {
	return a.tenantOf(r.Header.Get(user.OrgIDHeaderName))
}

// tenantOf is oneTenant for the header alone.
func (a *API) tenantOf(header string) (string, error) {
	ids, err := a.tenants(header)
	if err != nil {
		return "", err
	}
	if len(ids) > 1 {
		return "", badRequest(errManyTenants)
	}
	return ids[0], nil
}

// readTenants is for what may be asked of several tenants, where the operator
// allows it.
func (a *API) readTenants(r *http.Request) ([]string, error) {
	ids, err := a.tenants(r.Header.Get(user.OrgIDHeaderName))
	if err != nil {
		return nil, err
	}
	if len(ids) > 1 && !a.cfg.MultiTenantQueries {
		return nil, badRequest(fmt.Errorf("%w: queries over several tenants need querier.multi_tenant_queries_enabled", errManyTenants))
	}
	return ids, nil
}
