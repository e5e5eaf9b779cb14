package objstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a bucket that is gone with the process, for tests. The zero value
// is empty and ready to use.
type Memory struct {
	mu      sync.RWMutex // guards the fields below
	objects map[string]memoryObject
}

type memoryObject struct {
	data     []byte // never changed
	modified time.Time
}

// Put implements [Bucket].
func (m *Memory) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("put object %s: %w", name, err)
	}
	data, err := io.ReadAll(&sizedReader{r: r, size: size})
	if err != nil {
		return fmt.Errorf("put object %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putLocked(name, data)
	return nil
}

// PutIfAbsent implements [Bucket].
func (m *Memory) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("put object %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.objects[name]; ok {
		return fmt.Errorf("put object %s: %w", name, ErrExists)
	}
	m.putLocked(name, bytes.Clone(data))
	return nil
}

func (m *Memory) putLocked(name string, data []byte) {
	if m.objects == nil {
		m.objects = map[string]memoryObject{}
	}
	m.objects[name] = memoryObject{data: data, modified: time.Now()}
}

func (m *Memory) get(ctx context.Context, name string) (memoryObject, error) {
	if err := CheckName(name); err != nil {
		return memoryObject{}, err
	}
	if err := ctx.Err(); err != nil {
		return memoryObject{}, fmt.Errorf("read object %s: %w", name, err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.objects[name]
	if !ok {
		return memoryObject{}, fmt.Errorf("read object %s: %w", name, ErrNotFound)
	}
	return o, nil
}

// Get implements [Bucket].
func (m *Memory) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := m.get(ctx, name)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(o.data)), nil
}

// GetRange implements [Bucket].
func (m *Memory) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := checkRange(name, off, n); err != nil {
		return nil, err
	}
	o, err := m.get(ctx, name)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.NewSectionReader(bytes.NewReader(o.data), off, n)), nil
}

// Stat implements [Bucket].
func (m *Memory) Stat(ctx context.Context, name string) (Info, error) {
	o, err := m.get(ctx, name)
	if err != nil {
		return Info{}, err
	}
	return Info{Name: name, Size: int64(len(o.data)), Modified: o.modified}, nil
}

// List implements [Bucket].
func (m *Memory) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	var found []Info
	m.mu.RLock()
	for name, o := range m.objects {
		if strings.HasPrefix(name, prefix) {
			found = append(found, Info{Name: name, Size: int64(len(o.data)), Modified: o.modified})
		}
	}
	m.mu.RUnlock()
	return callSorted(ctx, prefix, found, fn)
}

// callSorted ends a listing that gathered its objects in no order.
func callSorted(ctx context.Context, prefix string, found []Info, fn func(Info) error) error {
	slices.SortFunc(found, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	for _, info := range found {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("list objects below %q: %w", prefix, err)
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements [Bucket].
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}
