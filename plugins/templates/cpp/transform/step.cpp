// Counts the words of a text column, and leaves out rows with too few of them.
#include <callboard.hpp>

namespace {

enum { text };    // what is read, in the order of `reads`
enum { n_words }; // what is written, in the order of `writes`

std::int64_t count_words(std::string_view text) {
    std::int64_t words = 0;
    bool in_word = false;
    for (char c : text) {
        bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
        words += !is_space && !in_word;
        in_word = !is_space;
    }
    return words;
}

class WordCount {
  public:
    struct Config {
        std::string_view column = "text";
        std::int64_t min = 1;
    };
    static constexpr auto fields = cb::fields(
        cb::field<&Config::column>("column", "The column of text"),
        cb::field<&Config::min>("min", "Rows with fewer words are left out", {.at_least = 0}));

    static cb::status declare(const Config &config, cb::shape &shape) {
        shape.reads(config.column, cb::utf8, "/column");
        shape.writes("n_words", cb::not_null(cb::int64));
        return cb::ok;
    }

    explicit WordCount(const Config &config) : config(config) {}

    cb::status row(const cb::row &row, cb::out &out) {
        auto value = row.get<std::string_view>(text);
        if (!value) return out.reject("no text");
        auto words = count_words(*value);
        if (words < config.min) return out.drop("{} words, fewer than {}", words, config.min);
        out.put(n_words, words);
        return out.keep();
    }

  private:
    Config config;
};

} // namespace

CB_STEP(WordCount, .name = "word-count", .version = "0.1.0",
        .summary = "Counts the words of a text column, and leaves out rows with too few of them");
