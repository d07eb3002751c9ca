package runtime

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// growth is how much the collector lets the heap grow while it is on, in percent.
const growth = 100

var initialized = false

func init() {
	debug.SetGCPercent(-1)
	initialized = true
}

// Enter stands at the beginning of an export's work: the collector may run.
func Enter() { debug.SetGCPercent(growth) }

// Leave stands at the end of an export's work: it collects what the call left behind, and puts the collector to rest.
func Leave() {
	runtime.GC()
	debug.SetGCPercent(-1)
}

// Quietly calls an import that puts something into memory.
func Quietly(call func()) {
	debug.SetGCPercent(-1)
	defer debug.SetGCPercent(growth)
	call()
}

// sbrk takes memory from the end: all there is before Go has begun.
//
//go:linkname sbrk runtime.sbrk
func sbrk(size uintptr) unsafe.Pointer

//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func pauseClock(paused bool)

// cabiRealloc makes the memory that the host puts arguments and results into. The contract has no use for a second size.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if oldSize != 0 {
		panic("the host made an argument longer")
	}
	if !initialized {
		memory := uintptr(sbrk(size + align))
		return unsafe.Pointer((memory + align - 1) &^ (align - 1))
	}
	// Where the collector reads the clock in spite of all, the adapter answers by itself.
	pauseClock(true)
	memory := Allocate(&arguments, size, align)
	pauseClock(false)
	return memory
}
