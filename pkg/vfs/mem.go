package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// memTotal is the size that a Mem claims to have in bytes.
const memTotal = 1 << 40

// Mem is a file system in memory that knows which of its bytes and names a power
// cut would spare. It starts with a root folder and the working folder ".".
type Mem struct {
	mu      sync.Mutex // guards all fields, and the nodes
	root    *memNode
	pending []memOp // changes of names that no SyncDir has covered, oldest first
	locks   map[string]bool
}

// NewMem returns an empty Mem.
func NewMem() *Mem {
	return &Mem{root: newMemDir(), locks: map[string]bool{}}
}

// A memNode is a file or a folder, whatever its names are.
type memNode struct {
	modTime time.Time

	// Of a folder, else nil.
	entries map[string]*memNode // as the process sees them
	durable map[string]*memNode // as the last SyncDir left them

	// Of a file.
	data    []byte
	synced  int    // data[:synced] is durable, unless old is set
	old     []byte // what was durable before the file was emptied, until the next Sync
	emptied bool
}

func newMemDir() *memNode {
	return &memNode{entries: map[string]*memNode{}, durable: map[string]*memNode{}, modTime: time.Now()}
}

// A memOp is one change of names. A rename is both: to gets the node, from loses it.
// A removal that names its node takes the name only from that node.
type memOp struct {
	node    *memNode // nil in a removal
	toDir   *memNode // nil in a removal
	to      string
	fromDir *memNode // nil in a creation
	from    string
}

// apply changes the names that view shows of each folder.
func (op memOp) apply(view func(dir *memNode) map[string]*memNode) {
	if op.toDir != nil {
		view(op.toDir)[op.to] = op.node
	}
	if op.fromDir != nil {
		from := view(op.fromDir)
		// A creation that was forgotten may have left an older file under the
		// name, or a later one may have taken it: those are not ours to remove.
		if op.node == nil || from[op.from] == op.node {
			delete(from, op.from)
		}
	}
}

func (m *Mem) change(op memOp) {
	op.apply(func(dir *memNode) map[string]*memNode { return dir.entries })
	m.pending = append(m.pending, op)
}

func elements(name string) []string {
	name = filepath.ToSlash(filepath.Clean(name))
	return strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
}

// walk finds a node. The working folder is the root: "a", "./a" and "/a" are one.
func (m *Mem) walk(path []string) (*memNode, error) {
	n := m.root
	for _, e := range path {
		if e == "." {
			continue
		}
		if n.entries == nil {
			return nil, syscall.ENOTDIR
		}
		next, ok := n.entries[e]
		if !ok {
			return nil, fs.ErrNotExist
		}
		n = next
	}
	return n, nil
}

// find returns the folder that holds name, the last element, and what it stands
// for, nil if nothing.
func (m *Mem) find(op, name string) (dir *memNode, base string, node *memNode, err error) {
	path := elements(name)
	if len(path) == 0 || path[len(path)-1] == "." || path[len(path)-1] == ".." {
		return nil, "", nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	base = path[len(path)-1]
	dir, err = m.walk(path[:len(path)-1])
	if err == nil && dir.entries == nil {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, "", nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return dir, base, dir.entries[base], nil
}

// Create implements [FS].
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, node, err := m.find("create", name)
	switch {
	case err != nil:
		return nil, err
	case node == nil:
		node = &memNode{modTime: time.Now()}
		m.change(memOp{node: node, toDir: dir, to: base})
	case node.entries != nil:
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.EISDIR}
	default:
		if !node.emptied {
			node.old = node.data[:node.synced]
			node.emptied = true
		}
		node.data, node.synced = nil, 0
	}
	return &memFile{m: m, name: name, node: node, writable: true}, nil
}

// Open implements [FS].
func (m *Mem) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, node, err := m.find("open", name)
	switch {
	case err != nil:
		return nil, err
	case node == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case node.entries != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	return &memFile{m: m, name: name, node: node}, nil
}

// MkdirAll implements [FS].
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for _, e := range elements(dir) {
		if e == "." {
			continue
		}
		if n.entries == nil {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		next, ok := n.entries[e]
		if !ok {
			next = newMemDir()
			m.change(memOp{node: next, toDir: n, to: e})
		}
		n = next
	}
	if n.entries == nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	return nil
}

// ReadDir implements [FS].
func (m *Mem) ReadDir(dir string) ([]Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk(elements(dir))
	if err == nil && n.entries == nil {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: err}
	}
	infos := make([]Info, 0, len(n.entries))
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		infos = append(infos, n.entries[name].info(name))
	}
	return infos, nil
}

// Stat implements [FS].
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk(elements(name))
	if err != nil {
		return Info{}, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return n.info(filepath.Base(name)), nil
}

func (n *memNode) info(name string) Info {
	return Info{Name: name, Size: int64(len(n.data)), Dir: n.entries != nil, ModTime: n.modTime}
}

// Rename implements [FS].
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fromDir, fromBase, node, err := m.find("rename", from)
	if err != nil {
		return err
	}
	if node == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	toDir, toBase, there, err := m.find("rename", to)
	switch {
	case err != nil:
		return err
	case there == node:
		return nil
	case there != nil && (there.entries != nil || node.entries != nil):
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	m.change(memOp{node: node, toDir: toDir, to: toBase, fromDir: fromDir, from: fromBase})
	return nil
}

// Remove implements [FS].
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, node, err := m.find("remove", name)
	switch {
	case err != nil:
		return err
	case node == nil:
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	case len(node.entries) > 0:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	m.change(memOp{fromDir: dir, from: base})
	return nil
}

// RemoveAll implements [FS]. After a crash a part of what was within may be back.
func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, node, err := m.find("removeall", name)
	if err != nil || node == nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	m.removeTree(dir, base, node)
	return nil
}

func (m *Mem) removeTree(dir *memNode, base string, node *memNode) {
	for _, name := range slices.Sorted(maps.Keys(node.entries)) {
		m.removeTree(node, name, node.entries[name])
	}
	m.change(memOp{fromDir: dir, from: base})
}

// SyncDir implements [FS].
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.walk(elements(dir))
	if err == nil && n.entries == nil {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return &fs.PathError{Op: "syncdir", Path: dir, Err: err}
	}
	durable := func(dir *memNode) map[string]*memNode { return dir.durable }
	rest := m.pending[:0]
	for _, op := range m.pending {
		switch {
		case op.fromDir == n || op.fromDir == nil && op.toDir == n:
			// A rename out of the folder becomes durable as a whole: no disk
			// loses a file between its two names.
			op.apply(durable)
		case op.toDir == n:
			memOp{node: op.node, toDir: op.toDir, to: op.to}.apply(durable)
			rest = append(rest, memOp{node: op.node, fromDir: op.fromDir, from: op.from})
		default:
			rest = append(rest, op)
		}
	}
	clear(m.pending[len(rest):])
	m.pending = rest
	return nil
}

// Lock implements [FS].
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, node, err := m.find("lock", name)
	if err != nil {
		return nil, err
	}
	key := strings.Join(elements(name), "/")
	if m.locks[key] {
		return nil, fmt.Errorf("lock %s: held within this process, by something that has to be stopped first: %w", name, ErrLocked)
	}
	if node == nil {
		m.change(memOp{node: &memNode{modTime: time.Now()}, toDir: dir, to: base})
	}
	m.locks[key] = true
	return &memLock{m: m, key: key}, nil
}

type memLock struct {
	m    *Mem
	key  string
	once sync.Once
}

func (l *memLock) Close() error {
	err := fs.ErrClosed
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		delete(l.m.locks, l.key)
		err = nil
	})
	return err
}

// Usage implements [FS].
func (m *Mem) Usage(dir string) (Usage, error) {
	if _, err := m.Stat(dir); err != nil {
		return Usage{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return Usage{Free: memTotal - m.root.size(), Total: memTotal}, nil
}

func (n *memNode) size() uint64 {
	total := uint64(len(n.data))
	for _, e := range n.entries {
		total += e.size()
	}
	return total
}
