// What C++ adds: a configuration with every type, values of every kind, errors with their place.
#include <callboard.hpp>
#include <callboard_test.h>

#include <cstdio>
#include <cstring>

namespace {

class Trial {
  public:
    enum class How { show, nested, misread, miswrite, fail, input };
    struct Config {
        How how = How::show;
        std::string_view view = "view";
        std::string text = "text";
        std::optional<std::string_view> maybe;
        std::vector<std::string_view> words = {"a", "b"};
        std::int64_t whole = -1;
        std::uint8_t small = 7;
        double share = 0.5;
        bool flag = true;
    };
    static constexpr auto fields = cb::fields(
        cb::field<&Config::how>("how", "What to do", {.choices = {"show", "nested", "misread", "miswrite", "fail", "input"}}),
        cb::field<&Config::view>("view", "A view"), cb::field<&Config::text>("text", "A text"), cb::field<&Config::maybe>("maybe", "None"),
        cb::field<&Config::words>("words", "Texts"), cb::field<&Config::whole>("whole", "A number"),
        cb::field<&Config::small>("small", "A small one"), cb::field<&Config::share>("share", "A share", {.at_least = 0, .at_most = 1}),
        cb::field<&Config::flag>("flag", "Yes or no"));

    static cb::status declare(const Config &, cb::shape &shape) {
        shape.reads("id", cb::int64);
        shape.reads("tags", cb::any);
        shape.writes("list", cb::list_of(cb::utf8));
        shape.writes("bytes", cb::binary);
        return cb::ok;
    }

    explicit Trial(const Config &config) : config(config) {}

    cb::status row(const cb::row &row, cb::out &out) {
        const Config &c = config;
        switch (c.how) {
        case How::show:
            cb::log(cb::level::info, "{} {} {} {} {} {} {} {}", c.view, c.text, c.maybe.value_or("-"), c.words.size(), c.whole, c.small, c.share, c.flag);
            cb::count("shown", 1);
            return out.drop("{:>200}", *row.get<std::int64_t>(0)); // longer than most reasons
        case How::nested: {
            auto list = out.build(0);
            if (auto tags = row.get<cb::list>(1)) {
                for (cb::value tag : *tags) list.items().push(tag.get<std::string_view>());
                list.end();
            }
            std::byte bytes[] = {std::byte{1}, std::byte{255}};
            out.put(1, cb::bytes(bytes));
            return out.keep();
        }
        case How::misread: row.get<bool>(0); return out.keep();
        case How::miswrite: out.put(0, 1); return out.keep();
        case How::fail: return cb::fail("no {}", "luck");
        default: return cb::input_error("not {}", 1);
        }
    }

  private:
    Config config;
};

const char *with(const char *config) {
    return cb_test_transform(config, "{\"id\":1,\"tags\":[\"x\",null]}\n{\"id\":2,\"tags\":null}\n");
}

const char *placed(const char *error) {
    const char *file = std::strstr(error, "transform.cpp:"), *message = file ? std::strchr(file, ' ') : nullptr;
    return message ? message + 1 : error;
}

} // namespace

CB_STEP(Trial, .name = "trial", .version = "0.2.0", .summary = "Tries");

int main() {
    cb_expect(cb_test_describe(),
              "trial\n0.2.0\nTries\n{\"type\":\"object\",\"properties\":{"
              "\"how\":{\"type\":\"string\",\"description\":\"What to do\",\"enum\":[\"show\",\"nested\",\"misread\",\"miswrite\",\"fail\",\"input\"],\"default\":\"show\"},"
              "\"view\":{\"type\":\"string\",\"description\":\"A view\",\"default\":\"view\"},\"text\":{\"type\":\"string\",\"description\":\"A text\",\"default\":\"text\"},"
              "\"maybe\":{\"type\":\"string\",\"description\":\"None\"},"
              "\"words\":{\"type\":\"array\",\"description\":\"Texts\",\"items\":{\"type\":\"string\"},\"default\":[\"a\",\"b\"]},"
              "\"whole\":{\"type\":\"integer\",\"description\":\"A number\",\"default\":-1},"
              "\"small\":{\"type\":\"integer\",\"description\":\"A small one\",\"minimum\":0,\"maximum\":255,\"default\":7},"
              "\"share\":{\"type\":\"number\",\"description\":\"A share\",\"minimum\":0,\"maximum\":1,\"default\":0.5},"
              "\"flag\":{\"type\":\"boolean\",\"description\":\"Yes or no\",\"default\":true}},\"additionalProperties\":false}\n");
    std::string padding(199, ' ');
    std::string removed = "dropped 0: " + padding + "1\ndropped 1: " + padding + "2\n";
    std::string shown = "info: view text - 2 -1 7 0.5 true\ncount shown 1\n";
    cb_expect(with("{}"), (removed + shown + shown).c_str());
    shown = "info: \u00fc x m 1 9 0 1 false\ncount shown 1\n";
    cb_expect(with("{\"view\":\"\u00fc\",\"text\":\"x\",\"maybe\":\"m\",\"words\":[\"w\"],\"whole\":9,\"small\":0,\"share\":1,\"flag\":false}"), (removed + shown + shown).c_str());
    cb_expect(with("{\"small\":256}"), "error config at /small: at most 255 is expected, and this is 256");
    cb_expect(with("{\"how\":\"nested\"}"), "{\"id\":1,\"tags\":[\"x\",null],\"list\":[\"x\",null],\"bytes\":\"01ff\"}\n{\"id\":2,\"tags\":null,\"list\":null,\"bytes\":\"01ff\"}\n");
    cb_expect(placed(with("{\"how\":\"misread\"}")), "`id` is int64, and was read as a boolean");
    cb_expect(placed(with("{\"how\":\"miswrite\"}")), "`list` is list, and an integer was put there");
    cb_expect(placed(with("{\"how\":\"fail\"}")), "no luck");
    cb_expect(with("{\"how\":\"input\"}"), "error input: not 1");
    return cb_test_ended();
}
