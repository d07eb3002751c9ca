// Package runtime is what the generated bindings need of Go: memory that the host may write to, and handles.
//
// # The collector's discipline
//
// A component may not call out while the host puts arguments into its memory (in cabi_realloc), and Go's collector calls out: it
// reads the clock. So the collector is off except between [Enter] and [Leave], which stand around the work of each export, and
// it is off while an import puts its result into memory ([Quietly]). [Leave] collects what the call left behind.
//
// The memory that the host writes to is Go's own: what a step keeps of its input stays valid for as long as it keeps it.
package runtime

import "unsafe"

// Pinner keeps memory alive whose address the host has. Go's collector moves nothing on the heap, so a reference is enough.
type Pinner struct {
	kept []unsafe.Pointer
}

// Pin keeps this memory alive.
func (p *Pinner) Pin(memory unsafe.Pointer) {
	p.kept = append(p.kept, memory)
}

// Unpin lets go of all that was pinned.
func (p *Pinner) Unpin() {
	clear(p.kept)
	p.kept = p.kept[:0]
}

// arguments are what the host has put into memory for the call that begins.
var arguments Pinner

// Unpin lets go of the arguments: by now they are the call's own.
func Unpin() { arguments.Unpin() }

// Allocate makes memory that is pinned. Nothing in it is a pointer of Go's.
func Allocate(pinner *Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		// Not null: an address of an empty list has to be aligned, and an empty slice there not nil.
		return unsafe.Pointer(&empty)
	}
	// Words of eight bytes are aligned for everything in the contract.
	memory := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	pinner.Pin(memory)
	return memory
}

var empty uint64

// Handle is a resource of the host's, until it is taken or dropped.
type Handle struct {
	value int32
}

// MakeHandle holds a resource.
func MakeHandle(value int32) *Handle { return &Handle{value} }

// Use returns the resource, and keeps it.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("this reader or writer was used after the call that it was given to")
	}
	return h.value
}

// Take returns the resource, and keeps it no longer.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// TakeOrNil is [Handle.Take], or 0 where it was taken.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// Set holds another resource.
func (h *Handle) Set(value int32) { h.value = value }

// AddCleanup does nothing: it would run whenever the collector likes. Handles are dropped at the end of the call.
func AddCleanup[T, S any](*T, func(S), S) {}
