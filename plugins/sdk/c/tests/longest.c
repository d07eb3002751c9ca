// The step `Longest` of the page, run natively.
#include <callboard_test.h>

int main(void) {
    const char *rows = "{\"id\":1,\"domain\":\"a\",\"n_chars\":1}\n{\"id\":2,\"domain\":null,\"n_chars\":2}\n"
                       "{\"id\":3,\"domain\":\"b\",\"n_chars\":3}\n{\"id\":4,\"domain\":\"a\",\"n_chars\":9}\n"
                       "{\"id\":5,\"domain\":\"a\",\"n_chars\":null}\n{\"id\":6,\"domain\":null,\"n_chars\":2}\n"
                       "{\"id\":7,\"domain\":\"a\",\"n_chars\":9}\n";
    cb_expect(cb_test_global("{\"most\":1}", &rows, 1),
              "{\"id\":2,\"domain\":null,\"n_chars\":2,\"n_in_domain\":2}\n{\"id\":3,\"domain\":\"b\",\"n_chars\":3,\"n_in_domain\":1}\n"
              "{\"id\":4,\"domain\":\"a\",\"n_chars\":9,\"n_in_domain\":4}\n");
    cb_expect(cb_test_global("{}", &rows, 1),
              "{\"id\":1,\"domain\":\"a\",\"n_chars\":1,\"n_in_domain\":4}\n{\"id\":2,\"domain\":null,\"n_chars\":2,\"n_in_domain\":2}\n"
              "{\"id\":3,\"domain\":\"b\",\"n_chars\":3,\"n_in_domain\":1}\n{\"id\":4,\"domain\":\"a\",\"n_chars\":9,\"n_in_domain\":4}\n"
              "{\"id\":6,\"domain\":null,\"n_chars\":2,\"n_in_domain\":2}\n{\"id\":7,\"domain\":\"a\",\"n_chars\":9,\"n_in_domain\":4}\n");
    return cb_test_ended();
}
