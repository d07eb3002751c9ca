// Gives each text 64 bits of which texts that are nearly alike have nearly all in common (simhash).
#include <callboard.h>

typedef struct Config {
    const char *column;
} Config;

enum { TEXT };
enum { SIMHASH };

// So many bytes that follow each other are hashed together: about a word and a half of English.
#define SHINGLE 8

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_reads(shape, config->column, CB_UTF8, "/column");
    cb_writes(shape, "simhash", cb_not_null(CB_UINT64));
    return CB_OK;
}

// Spreads 64 bits over 64 bits (the end of MurmurHash3).
static uint64_t spread(uint64_t bits) {
    bits = (bits ^ bits >> 33) * 0xff51afd7ed558ccdull;
    bits = (bits ^ bits >> 33) * 0xc4ceb9fe1a85ec53ull;
    return bits ^ bits >> 33;
}

// Each shingle votes on each bit. Capitals and white space do not matter.
static uint64_t simhash(cb_str text) {
    int votes[64] = {0};
    uint64_t shingle = 0;
    size_t seen = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c <= ' ') continue;
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
        shingle = shingle << 8 | c;
        if (++seen < SHINGLE) continue;
        uint64_t hash = spread(shingle);
        for (int bit = 0; bit < 64; bit++) votes[bit] += (hash >> bit & 1) ? 1 : -1;
    }
    if (seen < SHINGLE) return spread(shingle);
    uint64_t result = 0;
    for (int bit = 0; bit < 64; bit++) result |= (uint64_t)(votes[bit] > 0) << bit;
    return result;
}

static cb_status row(const Config *config, const cb_row *row, cb_out *out) {
    cb_put_uint(out, SIMHASH, simhash(cb_text(row, TEXT)));
    return cb_keep(out);
}

CB_TRANSFORM(Config, .name = "fingerprint", .version = "0.1.0",
    .summary = "Gives each text 64 bits that it shares with texts which are nearly the same",
    .fields = CB_FIELDS(CB_TEXT(Config, column, "text", "The column of text")),
    .declare = declare, .row = row);
