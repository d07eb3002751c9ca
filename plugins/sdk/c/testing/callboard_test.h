// Runs a step on this machine, without a host: for unit tests, debuggers and sanitizers.
//
//     #include <callboard_test.h>
//     int main(void) {
//         cb_expect(cb_test_transform("{\"min\": 2}", "{\"text\": \"one two\"}\n{\"text\": \"one\"}\n"),
//                   "{\"text\":\"one two\",\"n_words\":2}\n"
//                   "dropped 1: 1 words, fewer than 2\n");
//         return cb_test_ended();
//     }
//
//     S=.callboard/sdk
//     clang-19 -std=c23 -g -I$S -I$S/testing -fsanitize=address,undefined my_test.c step.c $S/testing/transform.c -o my_test && ./my_test
//
// Rows are lines of JSON; the type of a column is that of its values: boolean, int64, float64, text, list, struct.
// What is given back are lines: the rows put out, then those removed, by the number of the row from 0; then the log (`warn: …`) and the
// counters (`count NAME 3`). If the step gives an error, one line: `error KIND at POINTER: MESSAGE`.
#ifndef CALLBOARD_TEST_H
#define CALLBOARD_TEST_H

#ifdef __cplusplus
extern "C" {
#endif

// The result of each is valid until the next call.
const char *cb_test_transform(const char *config, const char *rows);
// The same, in batches of at most `batch_rows` rows, as the host may cut them. The numbers of removed rows count within their batch.
const char *cb_test_transform_in_batches(const char *config, const char *rows, unsigned batch_rows);
// Twice: with all groups in one call, and with each in one of its own, which must put out the same.
const char *cb_test_global(const char *config, const char *const *inputs, unsigned n_inputs);
// At most `pages` pages, continuing after `skip` rows: 0 to begin.
const char *cb_test_source(const char *config, unsigned long long skip, unsigned pages);
// Plays these replies to the requests of the tests that follow: lines as `callboard step test --record` writes them into replies.jsonl. A
// request that is not among them is refused.
void cb_test_replies(const char *lines);
// The step's name, version, summary and JSON Schema, a line each.
const char *cb_test_describe(void);

// Compares, and shows both where they are not equal.
#define cb_expect(actual, expected) cb__expect(actual, expected, __FILE__, __LINE__)
void cb__expect(const char *actual, const char *expected, const char *file, int line);
// 0 if everything was as expected: what `main` returns.
int cb_test_ended(void);

#ifdef __cplusplus
}
#endif

#endif
