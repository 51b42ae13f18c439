//go:build wasip1

// Package runtime is what the generated bindings need of a runtime: memory that crosses
// the boundary, and handles of the host's resources.
//
// It stands in for go.bytecodealliance.org/pkg/wit/runtime, with the same names and
// meaning, as far as this contract needs them.
//
// Two rules make it. What the host is to read is held by a [runtime.Pinner], since an
// address is no pointer to Go's collector. And what the host writes is written into memory
// that is none of Go's: while it asks for that, a component may not call out (the canonical
// ABI traps), and an allocation that starts a collection asks for the time.
package runtime

import (
	"runtime"
	"strings"
	"unsafe"
)

// sbrk takes memory beside Go's own, whole pages, for good. Nothing public of Go does; so
// the linker wants -checklinkname=0.
//
//go:linkname sbrk runtime.sbrk
func sbrk(size uintptr) unsafe.Pointer

// page is what WebAssembly's memory grows by.
const page = 64 << 10

// chunk is what the host's memory is cut from. When it is too small for what is wanted,
// one of twice its size takes its place, so that what is left behind is never more than it.
var chunk struct {
	start unsafe.Pointer
	size  uintptr
	// used is given away; kept of it for good.
	used, kept uintptr
}

// init keeps what is given away by then. The WASI adapter has its state and its stack there:
// it asks for them when Go's runtime makes its first WASI call, long before anything of Go
// works.
func init() { chunk.kept = chunk.used }

// realloc is how the host and the adapter get memory in this module: for the arguments of
// an exported function, and for what an imported one gives.
//
//go:nosplit
//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if size == 0 {
		// never read; has to be aligned, and must not be nil
		return unsafe.Pointer(uintptr(align))
	}
	block := cut(uintptr(size), uintptr(align))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(block), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return block
}

//go:nosplit
func cut(size, align uintptr) unsafe.Pointer {
	at := (chunk.used + align - 1) &^ (align - 1)
	if at+size > chunk.size {
		wanted := (max(size, 2*chunk.size) + page - 1) &^ (page - 1)
		chunk.start, chunk.size, chunk.kept, at = sbrk(wanted), wanted, 0, 0
	}
	chunk.used = at + size
	return unsafe.Add(chunk.start, at)
}

// Unpin gives the memory that the host has written into to the next ones. Only when no call
// of an imported function is under way in another goroutine: the bindings copy what they
// read of it. They call it when they have read the arguments of an exported function;
// whoever calls imported ones may call it between them.
func Unpin() { chunk.used = chunk.kept }

// String copies a text that the host has written.
func String(text *byte, length uint32) string { return strings.Clone(unsafe.String(text, length)) }

// Bytes copies bytes that the host has written.
func Bytes(bytes *byte, length uint32) []byte {
	return append(make([]byte, 0, length), unsafe.Slice(bytes, length)...)
}

// Allocate gives memory of this size and alignment (at most 8) that is held until the
// pinner lets go of it.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(align)
	}
	block := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	pinner.Pin(block)
	return block
}

// Handle is one of the host's resources, until it is taken.
type Handle struct {
	value int32 // 0 when it is taken: the host gives none of that number
}

// MakeHandle holds a handle that the host gave.
func MakeHandle(value int32) *Handle {
	if value == 0 {
		panic("the host gave a handle that is none")
	}
	return &Handle{value}
}

// Use is the handle; it panics when that is taken.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("a resource was used after it was given away or dropped")
	}
	return h.value
}

// Take is the handle, which then is somebody else's; it panics when it is taken already.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// TakeOrNil is the same, and 0 when it is taken already.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// Set gives a handle that was taken a new value.
func (h *Handle) Set(value int32) {
	if h.value != 0 {
		panic("a resource was replaced that is still there")
	}
	h.value = value
}
