// Errors, the log and counters; where a call begins and ends.

#include <stdio.h>

#include "internal.h"

bool cb__has_failed;
cb__error cb__failure;

// What `printf` wrote goes to the log. (`fflush` would bring in more of the library than `printf` does.)
#ifdef __wasm__
extern void __stdio_exit(void);
void cb__flush(void) { __stdio_exit(); }
#else
void cb__flush(void) { fflush(NULL); }
#endif

void cb__begin_call(void) {
    cb__has_failed = false;
    cb__failure = (cb__error){0};
}

void cb__end_call(void) { cb__reset(&cb__call); }

// Bytes that are no UTF-8 (a text cut in its middle) become `?`: the host takes no others.
void cb__mend(char *text, size_t len) {
    for (size_t i = 0; i < len;) {
        unsigned char lead = (unsigned char)text[i];
        size_t n = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
        bool good = n > 0 && i + n <= len;
        for (size_t j = 1; good && j < n; j++) good = ((unsigned char)text[i + j] & 0xC0) == 0x80;
        if (good && n > 2) {
            unsigned char second = (unsigned char)text[i + 1];
            good = !(lead == 0xE0 && second < 0xA0) && !(lead == 0xED && second > 0x9F) && !(lead == 0xF0 && second < 0x90) &&
                   !(lead == 0xF4 && second > 0x8F);
        }
        if (good) {
            i += n;
        } else {
            text[i++] = '?';
        }
    }
}

static cb__buffer message;

static cb_str format_message(const char *file, int line, const char *format, va_list args) {
    message.len = 0;
    if (file) cb__append(&message, "%s:%d: ", file, line);
    cb__append_v(&message, format, args);
    cb__mend(message.ptr, message.len);
    return (cb_str){message.ptr, message.len};
}

cb_status cb__fail(cb_error_kind kind, const char *at, const char *file, int line, const char *format, ...) {
    if (cb__has_failed) return CB_FAILED; // the first says it best
    va_list args;
    va_start(args, format);
    cb_str text = format_message(file, line, format, args);
    va_end(args);
    cb__has_failed = true;
    text.ptr = cb__copy(&cb__call, text.ptr, text.len);
    cb__failure = (cb__error){kind, text, at ? cb__copy(&cb__call, at, strlen(at)) : NULL};
    return CB_FAILED;
}

bool cb__ok(cb_status status) {
    if (status == CB_FAILED && !cb__has_failed) cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "the step gave CB_FAILED, and no error");
    cb__flush();
    return !cb__has_failed;
}

void cb_log(cb_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    cb_str text = format_message(NULL, 0, format, args);
    va_end(args);
    cb__host_log(level, text.ptr, text.len);
}

void cb_count(const char *name, int64_t amount) { cb__host_count(name, amount); }

void cb__end_of_everything(const char *format, va_list args) {
    cb_str text = format_message(NULL, 0, format, args);
    while (text.len && text.ptr[text.len - 1] == '\n') text.len--;
    cb__die(cb_textf(CB_FMT, CB_ARG(text)).ptr);
}
