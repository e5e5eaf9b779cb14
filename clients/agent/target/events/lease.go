package events

import (
	"context"
	"fmt"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// positionAnnotation is where a Lease holds the position.
const positionAnnotation = "skald.dev/events-position"

// A lease is this replica's view of the Lease that all share.
//
// A holder renews it every leaseTime/3, and stops reading when it could not for
// two thirds of leaseTime; another replica takes it when it has seen no renewal
// for leaseTime, by its own clock. So no two read at once, whatever their clocks
// say.
type lease struct {
	client    coordinationclient.LeaseInterface
	name      string
	identity  string
	leaseTime time.Duration

	// seen is the last state that was read, and since when it has not changed.
	seen      *coordination.Lease
	seenSince time.Time
}

// acquire takes the lease if it is free or was this replica's, and renews it,
// with a position. It reports whether the lease is held, and returns the position
// that it had before. An error may mean either.
func (l *lease) acquire(ctx context.Context, position string) (held bool, before string, err error) {
	now := time.Now()
	current, err := l.client.Get(ctx, l.name, meta.GetOptions{})
	if apierrors.IsNotFound(err) {
		fresh := &coordination.Lease{ObjectMeta: meta.ObjectMeta{Name: l.name}}
		l.fill(fresh, now, position)
		_, err = l.client.Create(ctx, fresh, meta.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return false, "", nil
		}
		return err == nil, "", wrap("create the lease", err)
	}
	if err != nil {
		return false, "", wrap("read the lease", err)
	}
	if l.seen == nil || l.seen.ResourceVersion != current.ResourceVersion {
		l.seen, l.seenSince = current, now
	}
	before = current.Annotations[positionAnnotation]
	holder := current.Spec.HolderIdentity
	free := holder == nil || *holder == "" || now.Sub(l.seenSince) >= l.leaseTime
	if !free && *holder != l.identity {
		return false, before, nil
	}
	if position == "" {
		position = before
	}
	next := current.DeepCopy()
	l.fill(next, now, position)
	// The version that was read goes along: of two that take it, one fails.
	updated, err := l.client.Update(ctx, next, meta.UpdateOptions{})
	if apierrors.IsConflict(err) {
		return false, before, nil
	}
	if err != nil {
		return false, before, wrap("renew the lease", err)
	}
	l.seen, l.seenSince = updated, now
	return true, before, nil
}

// fill makes a Lease say that this replica holds it.
func (l *lease) fill(to *coordination.Lease, now time.Time, position string) {
	if holder := to.Spec.HolderIdentity; holder == nil || *holder != l.identity {
		to.Spec.AcquireTime = &meta.MicroTime{Time: now}
	}
	seconds := int32(max(1, l.leaseTime/time.Second))
	to.Spec.HolderIdentity = &l.identity
	to.Spec.LeaseDurationSeconds = &seconds
	to.Spec.RenewTime = &meta.MicroTime{Time: now}
	setPosition(to, position)
}

func setPosition(to *coordination.Lease, position string) {
	if position == "" {
		return
	}
	if to.Annotations == nil {
		to.Annotations = map[string]string{}
	}
	to.Annotations[positionAnnotation] = position
}

// release gives the lease up, so that another need not wait for its end.
func (l *lease) release(ctx context.Context, position string) error {
	current, err := l.client.Get(ctx, l.name, meta.GetOptions{})
	if err != nil {
		return wrap("read the lease", err)
	}
	if h := current.Spec.HolderIdentity; h == nil || *h != l.identity {
		return nil
	}
	nobody := ""
	current.Spec.HolderIdentity = &nobody
	setPosition(current, position)
	_, err = l.client.Update(ctx, current, meta.UpdateOptions{})
	return wrap("give up the lease", err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
