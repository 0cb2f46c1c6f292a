//go:build !cgo || windows

package vk

import "unsafe"

// The twin of loader.go and device.go for builds without cgo: no instance can be opened, so no method is ever reached.

// Instance cannot exist without cgo.
type Instance struct{ Version uint32 }

// Physical cannot exist without cgo.
type Physical struct{ Properties }

// Device cannot exist without cgo.
type Device struct{}

// Command cannot exist without cgo.
type Command struct{}

// Block mirrors the cgo build's.
type Block struct {
	Memory, Buffer uint64
	Mapped         unsafe.Pointer
}

// LoaderVersion returns ErrNoCgo.
func LoaderVersion() (uint32, error) { return 0, ErrNoCgo }

// Open returns ErrNoCgo.
func Open(bool) (*Instance, error) { return nil, ErrNoCgo }

// Probe returns ErrNoCgo.
func Probe(string) error { return ErrNoCgo }

// MessageCount returns 0.
func MessageCount() uint64 { return 0 }

// Message returns nothing.
func Message(uint64) (string, bool) { return "", false }

func (*Instance) Physicals() ([]*Physical, error)                              { return nil, ErrNoCgo }
func (*Physical) Budget(int) (budget, usage int64)                             { return 0, 0 }
func (*Physical) NewDevice(Features) (*Device, error)                          { return nil, ErrNoCgo }
func (*Device) Close()                                                         {}
func (*Device) BufferTypes() uint32                                            { return 0 }
func (*Device) Alloc(int64, int, bool) (Block, error)                          { return Block{}, ErrNoCgo }
func (*Device) Free(Block)                                                     {}
func (*Device) NewView(uint64, int64, int64) (uint64, error)                   { return 0, ErrNoCgo }
func (*Device) FreeView(uint64)                                                {}
func (*Device) NewLayout([]uint32, int) (set, pipeline uint64, err error)      { return 0, 0, ErrNoCgo }
func (*Device) FreeLayout(set, pipeline uint64)                                {}
func (*Device) NewModule([]uint32) (uint64, error)                             { return 0, ErrNoCgo }
func (*Device) FreeModule(uint64)                                              {}
func (*Device) NewPipeline(_, _, _ uint64, _ []uint32, _ bool) (uint64, error) { return 0, ErrNoCgo }
func (*Device) NewCache([]byte) (uint64, error)                                { return 0, ErrNoCgo }
func (*Device) CacheData(uint64) ([]byte, error)                               { return nil, ErrNoCgo }
func (*Device) FreeCache(uint64)                                               {}
func (*Device) FreePipeline(uint64)                                            {}
func (*Device) NewCommand() (Command, error)                                   { return Command{}, ErrNoCgo }
func (*Device) FreeCommand(Command)                                            {}
func (*Device) NewSets([]uint64, int, int) (uint64, []uint64, error)           { return 0, nil, ErrNoCgo }
func (*Device) FreeSets(uint64)                                                {}
func (*Device) Record(Command, []Write, []Dispatch, []uint32, uint64) error    { return ErrNoCgo }
func (*Device) RecordCopy(Command, uint64, int64, uint64, int64, int64) error  { return ErrNoCgo }
func (*Device) Submit([]Command, uint64) error                                 { return ErrNoCgo }
func (*Device) SubmitFenceWait(Command) error                                  { return ErrNoCgo }
func (*Device) Wait(uint64, int64) (bool, error)                               { return false, ErrNoCgo }
func (*Device) Completed() (uint64, error)                                     { return 0, ErrNoCgo }
func (*Device) Idle() error                                                    { return ErrNoCgo }
func (*Device) NewQueries(int) (uint64, error)                                 { return 0, ErrNoCgo }
func (*Device) FreeQueries(uint64)                                             {}
func (*Device) Queries(uint64, []uint64) error                                 { return ErrNoCgo }
