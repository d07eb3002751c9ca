// A host for a source: opens it at a given row, and asks for pages. See callboard_test.h.

#define CB__TESTING
#define CB__PLAYED
#include "../source.c"
#include "rows.h"
#include "replies.h"

const char *cb_test_source(const char *text, unsigned long long skip, unsigned pages) {
    callboard_step_types_error_t error = {0};
    begin_test();
    raw_string config_text = given_text(text);
    raw_batch declared;
    const char *failed = exports_callboard_step_source_declare(&config_text, &declared, &error) ? NULL : tell_error(&error);
    give_back();
    if (failed) return failed;

    source_step_list_u8_t cursor = {malloc(8), 8};
    for (int i = 0; i < 8; i++) cursor.ptr[i] = (uint8_t)(skip >> (8 * i));
    if (!skip) free(cursor.ptr);
    config_text = given_text(text);
    if (!exports_callboard_step_source_open(&config_text, skip ? &cursor : NULL, &error)) failed = tell_error(&error);
    give_back();
    for (bool more = true; more && !failed && pages > 0; pages--) {
        exports_callboard_step_source_option_page_t ret = {0};
        if (exports_callboard_step_source_next(&ret, &error)) {
            more = ret.is_some;
            cb_batch made = more ? taken(&cb__call, &ret.val.rows) : (cb_batch){0};
            for (uint32_t i = 0; i < made.rows; i++) tell_row(NULL, 0, &made, i);
        } else {
            failed = tell_error(&error);
        }
        give_back();
    }
    return failed ? failed : tell_all();
}
