// The steps of the templates, run natively.
#include <callboard_test.h>

int main(void) {
#if defined TRANSFORM
    cb_expect(cb_test_describe(),
              "word-count\n0.1.0\nCounts the words of a text column, and leaves out rows with too few of them\n"
              "{\"type\":\"object\",\"properties\":{\"column\":{\"type\":\"string\",\"description\":\"The column of text\",\"default\":\"text\"},"
              "\"min\":{\"type\":\"integer\",\"description\":\"Rows with fewer words are left out\",\"minimum\":0,\"default\":1}},"
              "\"additionalProperties\":false}\n");
    const char *rows = "{\"id\":1,\"text\":\"\\u00fcber a\\tb\\u000bc\"}\n{\"id\":2,\"text\":null}\n{\"id\":3,\"text\":\" \"}\n{\"id\":4,\"text\":\"x\"}\n";
    cb_expect(cb_test_transform("{}", rows),
              "{\"id\":1,\"text\":\"\u00fcber a\\u0009b\\u000bc\",\"n_words\":4}\n{\"id\":4,\"text\":\"x\",\"n_words\":1}\n"
              "rejected 1: no text\ndropped 2: 0 words, fewer than 1\n");
    cb_expect(cb_test_transform_in_batches("{\"min\":0}", rows, 1),
              "{\"id\":1,\"text\":\"\u00fcber a\\u0009b\\u000bc\",\"n_words\":4}\nrejected 0: no text\n"
              "{\"id\":3,\"text\":\" \",\"n_words\":0}\n{\"id\":4,\"text\":\"x\",\"n_words\":1}\n");
    cb_expect(cb_test_transform("{\"column\":\"id\"}", rows), "error config at /column: column `id` is no text");
    cb_expect(cb_test_transform("{\"column\":\"X\"}", rows), "error config at /column: there is no column `X`");
    cb_expect(cb_test_transform("{\"min\":-1}", rows), "error config at /min: at least 0 is expected, and this is -1");
    cb_expect(cb_test_transform("{\"min\":1.5}", rows), "error config at /min: an integer of 64 bits is expected");
    cb_expect(cb_test_transform("{\"min\":\"3\"}", rows), "error config at /min: an integer is expected, and this is a text");
    cb_expect(cb_test_transform("{\"typo\":1}", rows), "error config at /typo: there is no key `typo`");
    cb_expect(cb_test_transform("{\"a/b~\":1}", rows), "error config at /a~1b~0: there is no key `a/b~`");
#elif defined GLOBAL
    const char *first = "{\"id\":1,\"source\":\"a\"}\n{\"id\":2,\"source\":null}\n{\"id\":3,\"source\":\"a\"}\n{\"id\":4,\"source\":\"b\"}\n"
                        "{\"id\":5,\"source\":null}\n{\"id\":6,\"source\":\"\"}\n";
    const char *second = "{\"source\":\"b\"}\n{\"source\":\"c\"}\n";
    cb_expect(cb_test_global("{}", &first, 1),
              "{\"id\":1,\"source\":\"a\"}\n{\"id\":2,\"source\":null}\n{\"id\":4,\"source\":\"b\"}\n{\"id\":6,\"source\":\"\"}\n"
              "dropped 2: duplicate\ndropped 4: duplicate\n");
    cb_expect(cb_test_global("{}", (const char *[]){first, second}, 2),
              "{\"id\":1,\"source\":\"a\"}\n{\"id\":2,\"source\":null}\n{\"id\":6,\"source\":\"\"}\n"
              "dropped 2: duplicate\ndropped 3: known\ndropped 4: duplicate\n");
    cb_expect(cb_test_global("{\"column\":\"id\"}", &first, 1), "error config at /column: column `id` is no text");
#else
    cb_expect(cb_test_source("{\"start\":-1,\"count\":2}", 0, 10), "{\"n\":-1,\"text\":\"row -1\"}\n{\"n\":0,\"text\":\"row 0\"}\n");
    cb_expect(cb_test_source("{}", 8, 10), "{\"n\":9,\"text\":\"row 9\"}\n{\"n\":10,\"text\":\"row 10\"}\n");
    cb_expect(cb_test_source("{\"count\":0}", 0, 10), "");
    cb_expect(cb_test_source("{\"count\":5000}", 4999, 10), "{\"n\":5000,\"text\":\"row 5000\"}\n");
    cb_expect(cb_test_source("{\"count\":-1}", 0, 1), "error config at /count: at least 0 is expected, and this is -1");
#endif
    return cb_test_ended();
}
