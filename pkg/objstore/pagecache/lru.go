package pagecache

import "container/list"

// An lru is values with a size, the least recently used of which go when they are
// too many. It is not safe for concurrent use.
type lru[V any] struct {
	limit  int64
	bytes  int64
	byKey  map[key]*list.Element
	recent *list.List // of *item[V], the most recently used in front
}

type item[V any] struct {
	key   key
	value V
	bytes int64
}

func newLRU[V any](limit int64) *lru[V] {
	return &lru[V]{limit: limit, byKey: map[key]*list.Element{}, recent: list.New()}
}

// get returns a value and makes it the most recently used.
func (l *lru[V]) get(k key) (v V, ok bool) {
	e, ok := l.byKey[k]
	if !ok {
		return v, false
	}
	l.recent.MoveToFront(e)
	return e.Value.(*item[V]).value, true
}

// add puts a value in front, in place of one with that key, and returns the keys
// of those that had to go for it.
func (l *lru[V]) add(k key, v V, bytes int64) (gone []item[V]) {
	l.remove(k)
	l.byKey[k] = l.recent.PushFront(&item[V]{k, v, bytes})
	l.bytes += bytes
	for l.bytes > l.limit {
		last := l.recent.Back().Value.(*item[V])
		l.remove(last.key)
		gone = append(gone, *last)
	}
	return gone
}

func (l *lru[V]) remove(k key) {
	if e, ok := l.byKey[k]; ok {
		l.recent.Remove(e)
		delete(l.byKey, k)
		l.bytes -= e.Value.(*item[V]).bytes
	}
}
