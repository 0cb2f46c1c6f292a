package graph

import (
	"context"
	"slices"
	"sync"

	"github.com/lavagrad/lavagrad/gpu"
)

// maxPrograms bounds how many forms of lazily recorded graphs a device remembers.
const maxPrograms = 256

// programCache keeps the programs of lazily recorded graphs by device and form.
type programCache struct {
	mu  sync.Mutex
	dev map[*gpu.Device]*deviceForms
	now uint64
}

// deviceForms are what a device remembers.
type deviceForms struct {
	programs map[string]*cached
	varying  map[string]*varying // by key without what the settings say
}

// varying tells which settings of graphs that are alike but for these were others than in the first such graph: a learning rate that falls,
// the seed of a draw, the batch that is cut out of the data. They become arguments, so that one more program serves all of them, and not
// each has its own.
type varying struct {
	first  []string
	differ []bool
}

type cached struct {
	once sync.Once
	x    *executable
	err  error
	used uint64
}

var programs = programCache{dev: map[*gpu.Device]*deviceForms{}}

func (c *programCache) get(ctx context.Context, dev *gpu.Device, l *lifted) (*executable, error) {
	c.mu.Lock()
	f := c.dev[dev]
	if f == nil {
		for d := range c.dev {
			if d.Closed() {
				delete(c.dev, d)
			}
		}
		f = &deviceForms{map[string]*cached{}, map[string]*varying{}}
		c.dev[dev] = f
	}
	e := f.programs[l.key]
	if e == nil {
		if differ := f.compare(l); differ != nil {
			c.mu.Unlock()
			err := l.argue(ctx, dev, differ)
			c.mu.Lock()
			if err != nil {
				c.mu.Unlock()
				return nil, err
			}
			e = f.programs[l.key]
		}
	}
	if e == nil {
		e = &cached{err: errAbandoned}
		f.programs[l.key] = e
		if len(f.programs) > maxPrograms {
			evictOldest(f.programs)
		}
	}
	c.now++
	e.used = c.now
	c.mu.Unlock()
	defer func() {
		if e.err != nil {
			c.mu.Lock()
			if f.programs[l.key] == e {
				delete(f.programs, l.key) // a cancelled context or a lack of memory may not happen again
			}
			c.mu.Unlock()
		}
	}()
	e.once.Do(func() { e.x, e.err = compile(ctx, dev, l, configured(nil)) })
	return e.x, e.err
}

// compare gives the settings that are to be arguments, nil for none.
func (f *deviceForms) compare(l *lifted) []bool {
	if len(l.settings) == 0 {
		return nil
	}
	loose, said := l.loose()
	v := f.varying[loose]
	if v == nil {
		if len(f.varying) >= maxPrograms {
			clear(f.varying)
		}
		f.varying[loose] = &varying{said, make([]bool, len(said))}
		return nil
	}
	some := false
	for i, x := range said {
		v.differ[i] = v.differ[i] || x != v.first[i]
		some = some || v.differ[i]
	}
	if !some {
		return nil
	}
	return slices.Clone(v.differ)
}

// evictOldest forgets the form that was used longest ago; the runtime frees its program when nobody
// runs it any more.
func evictOldest(forms map[string]*cached) {
	oldest := ""
	for k, e := range forms {
		if e.used > 0 && (oldest == "" || e.used < forms[oldest].used) {
			oldest = k
		}
	}
	delete(forms, oldest)
}
