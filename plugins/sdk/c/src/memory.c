// Memory: what lives for a call, for the instance, and what grows.

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

enum { CHUNK = 32 * 1024 };

typedef struct cb__chunk {
    struct cb__chunk *next;
    size_t used, size;
    max_align_t memory[];
} cb__chunk;

cb__arena cb__call, cb__life;

void cb__die(const char *message) {
    cb__flush();
    cb__host_log(CB_ERROR, message, strlen(message));
    __builtin_trap();
}

#ifdef __wasm__
// What ends a step says why; the host shows it with the trap.
_Noreturn void abort(void) { cb__die("`abort` was called"); }
_Noreturn void __assert_fail(const char *expression, const char *file, int line, const char *function) {
    (void)function;
    cb__die(cb_textf("%s:%d: assertion failed: %s", file, line, expression).ptr);
}

// Debian's compiler-rt was built with a stack protector, and its wasi-libc has none: 128-bit division would not link.
__attribute__((weak)) uintptr_t __stack_chk_guard = 0x5ca1ab1e;
__attribute__((weak)) _Noreturn void __stack_chk_fail(void) { cb__die("the stack was overwritten"); }
#endif

void *cb__alloc(cb__arena *arena, size_t size) {
    if (size > SIZE_MAX - CHUNK) cb__die("out of memory");
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    cb__chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK ? size : CHUNK;
        chunk = malloc(sizeof *chunk + room);
        if (!chunk) cb__die("out of memory");
        chunk->used = 0, chunk->size = room;
        // A large piece goes behind the chunk in use, which may have room for more.
        if (arena->chunks && size > CHUNK / 4) {
            chunk->next = arena->chunks->next, arena->chunks->next = chunk;
        } else {
            chunk->next = arena->chunks, arena->chunks = chunk;
        }
    }
    void *at = (char *)chunk->memory + chunk->used;
    chunk->used += size;
    return memset(at, 0, size);
}

char *cb__copy(cb__arena *arena, const char *text, size_t len) {
    char *copy = cb__alloc(arena, len + 1);
    if (len) memcpy(copy, text, len);
    return copy;
}

// One ordinary chunk is kept for the next call; in native tests none, so that whoever uses memory of a past call is found out.
#ifdef __wasm__
#define KEPT_SIZE CHUNK
#else
#define KEPT_SIZE SIZE_MAX
#endif

void cb__reset(cb__arena *arena) {
    cb__chunk *kept = NULL;
    for (cb__chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        if (!kept && chunk->size == KEPT_SIZE) {
            kept = chunk, kept->used = 0, kept->next = NULL;
        } else {
            free(chunk);
        }
    }
    arena->chunks = kept;
}

void cb__grow(cb__buffer *buffer, size_t more) {
    if (more > SIZE_MAX / 2 - buffer->len) cb__die("out of memory");
    size_t cap = buffer->cap + buffer->cap / 2, needed = buffer->len + more;
    if (cap < needed) cap = needed;
    if (cap < 64) cap = 64;
    char *ptr = realloc(buffer->ptr, cap);
    if (!ptr) cb__die("out of memory");
    buffer->ptr = ptr, buffer->cap = cap;
}

void cb__buffer_free(cb__buffer *buffer) {
    free(buffer->ptr);
    *buffer = (cb__buffer){0};
}

void cb__append_v(cb__buffer *buffer, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    size_t room = buffer->cap - buffer->len;
    int len = vsnprintf(room ? buffer->ptr + buffer->len : NULL, room, format, args);
    if (len > 0 && (size_t)len >= room) {
        cb__grow(buffer, (size_t)len + 1);
        vsnprintf(buffer->ptr + buffer->len, (size_t)len + 1, format, again);
    }
    if (len > 0) buffer->len += (size_t)len;
    va_end(again);
}

void cb__append(cb__buffer *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    cb__append_v(buffer, format, args);
    va_end(args);
}

void *cb_alloc(size_t size) { return cb__alloc(&cb__call, size); }

cb_str cb_textf(const char *format, ...) {
    static cb__buffer scratch;
    scratch.len = 0;
    va_list args;
    va_start(args, format);
    cb__append_v(&scratch, format, args);
    va_end(args);
    return (cb_str){cb__copy(&cb__call, scratch.ptr, scratch.len), scratch.len};
}
