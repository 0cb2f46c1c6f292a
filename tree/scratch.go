package tree

import (
	"reflect"
	"sync"
)

// scratch is what flattening a tree of one type takes, kept for the next one of that type: callers that ask on every call must not
// leave work to the garbage collector.
type scratch[L, T any] struct {
	t    T // a copy that has an address
	dst  []L
	walk walker
	key  keyer
}

// scratchFor gives scratch that holds t, and the pool that it is of.
func scratchFor[L, T any](t T) (*scratch[L, T], *sync.Pool) {
	l, typ := leafTypeFor[L](), reflect.TypeFor[T]()
	p, ok := l.pools.Load(typ)
	if !ok {
		p, _ = l.pools.LoadOrStore(typ, &sync.Pool{New: func() any {
			s := &scratch[L, T]{walk: walker{leafType: l}, key: keyer{leafType: l}}
			s.walk.leaf = func(v reflect.Value) *fault {
				s.dst = append(s.dst, leafOf[L](v))
				return nil
			}
			return s
		}})
	}
	pool := p.(*sync.Pool)
	s := pool.Get().(*scratch[L, T])
	s.t = t
	return s, pool
}

// release lets go of the tree and the caller's slices.
func (s *scratch[L, T]) release(pool *sync.Pool) {
	var zero T
	s.t, s.dst, s.key.dst = zero, nil, nil
	pool.Put(s)
}
