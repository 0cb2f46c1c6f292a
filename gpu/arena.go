package gpu

// arena is the memory of the programs' temporaries. Submissions run one after the other, so that all programs share one. Device.mu
// guards it.
type arena struct {
	b       *block
	dummy   *block       // what empty arrays are bound to
	retired []*recording // of closed programs, still in flight
}

// growArena makes the arena hold at least the program's bytes. mu is held, but may be given up on the way: if another program's walk has
// begun then, the arena stays that one's, and the caller sees Device.walking.
func (d *Device) growArena(s *program) error {
	bytes := s.arena
	if d.arena.b != nil && d.arena.b.capacity >= bytes {
		return nil
	}
	d.dropArena() // before, so that the larger one may take its place
	b, err := d.allocate(bytes, false)
	if err != nil {
		return err
	}
	if d.arena.b != nil { // another goroutine made one while mu was given up
		if d.arena.b.capacity >= bytes || d.walking != nil && d.walking != s {
			d.memory.release(b)
			return nil
		}
		d.dropArena()
	}
	b.temporary = true
	d.arena.b = b
	d.stats.ArenaBytes = b.reserved
	return nil
}

// dropArena frees the arena; recordings that name it no longer match. mu is held.
func (d *Device) dropArena() {
	if d.arena.b != nil {
		d.memory.release(d.arena.b)
		d.arena.b = nil
		d.stats.ArenaBytes = 0
	}
}

// shrinkArena frees the arena if no live program needs one of this size, nor the walk in progress. mu is held.
func (d *Device) shrinkArena() {
	if d.arena.b == nil || d.walking != nil {
		return
	}
	var need int64
	for p := range d.programs {
		need = max(need, p.arena)
	}
	if roundUp(need, padding) < d.arena.b.capacity {
		d.dropArena()
	}
}

// dummyBlock is the range that stands for empty arrays; it is not counted as live. mu is held.
func (d *Device) dummyBlock() (*block, error) {
	if d.arena.dummy == nil {
		b, err := d.memory.allocate(padding, false)
		if err != nil {
			return nil, err
		}
		d.stats.LiveBytes -= b.reserved
		d.arena.dummy = b
	}
	return d.arena.dummy, nil
}
