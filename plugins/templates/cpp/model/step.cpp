// Asks a model about the prompt of each row.
#include <callboard.hpp>
#include <vector>

namespace {

enum { prompt }; // what is read, in the order of `reads`
enum { reply };  // what is written, in the order of `writes`

cb_str raw(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(cb_str text) { return {text.ptr, text.len}; }

class AskModel {
  public:
    struct Config {
        std::string_view url = "http://localhost:8080/v1/chat/completions";
        std::string_view model = "small";
        std::string_view column = "prompt";
    };
    static constexpr auto fields = cb::fields(
        cb::field<&Config::url>("url", "Where the model is"),
        cb::field<&Config::model>("model", "Its name"),
        cb::field<&Config::column>("column", "The column of prompts"));

    static cb::status declare(const Config &config, cb::shape &shape) {
        shape.reads(config.column, cb::utf8, "/column");
        shape.writes("reply", cb::utf8);
        return cb::ok;
    }

    explicit AskModel(const Config &config) : config(config) {}

    cb::status columns(const cb::batch &batch, cb::out &out) {
        cb::column prompts = batch.column(prompt);
        std::vector<std::uint32_t> rows;
        std::vector<cb_request> requests;
        for (std::uint32_t row = 0; row < batch.rows(); row++) {
            auto content = prompts.text(row);
            if (!content) {
                out.reject_row(row, "no prompt");
                continue;
            }
            rows.push_back(row);
            requests.push_back(request(*content));
        }
        const cb_reply *replies = cb_send_all(requests.data(), requests.size());
        for (std::size_t i = 0; i < rows.size(); i++) {
            if (replies[i].problem == CB_REPLIED) out.put(reply, view(cb_json_text(replies[i].body, "/choices/0/message/content")));
            else if (replies[i].passing) out.postpone_row(rows[i], "{}", view(replies[i].message));
            else out.reject_row(rows[i], "{}", view(replies[i].message));
        }
        return cb::ok;
    }

  private:
    cb_request request(std::string_view content) const {
        cb_str model = cb_json_quoted(raw(config.model)), text = cb_json_quoted(raw(content));
        cb_str url = cb_textf(CB_FMT, CB_ARG(raw(config.url)));
        return cb_post_request(url.ptr, cb_textf("{\"model\":" CB_FMT ",\"messages\":[{\"role\":\"user\",\"content\":" CB_FMT
                                                 "}],\"max_tokens\":400}", CB_ARG(model), CB_ARG(text)));
    }

    Config config;
};

} // namespace

CB_STEP(AskModel, .name = "ask-model", .version = "0.1.0", .summary = "Asks a model about the prompt of each row");
