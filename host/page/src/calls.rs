//! Requests to servers: replies, repetitions, waiting, tokens and cost.

use callboard_words::figures::{count, time};
use maud::{Markup, html};

use crate::text::short;
use crate::{Shown, wide};

pub(crate) fn section(shown: &Shown<'_>) -> Option<Markup> {
    if shown.calls.is_empty() {
        return None;
    }
    let steps =
        shown.calls.iter().flat_map(|(server, calls)| calls.steps.iter().map(move |(step, of)| (server, step, of)));
    let by_step = html! {
        table {
            caption { "Replies, tokens and cost" }
            thead { tr {
                th.text scope="col" { "server" } th.text scope="col" { "step" } th scope="col" { "replies" } th scope="col" { "from the journal" }
                th scope="col" { "failed" } th scope="col" { "tokens in" } th scope="col" { "tokens out" } th scope="col" { "cost" } th scope="col" { "not paid again" }
            } }
            tbody { @for (server, step, of) in steps {
                tr {
                    th.text scope="row" { (short(server, 80)) } td.text { (short(step, 60)) }
                    td { (count(of.replies)) } td { (count(of.known)) } td { (count(of.failed)) }
                    td { (count(of.input_tokens)) } td { (count(of.output_tokens)) }
                    td { (format!("{:.4}", of.cost)) } td { (format!("{:.4}", of.known_cost)) }
                }
            } }
        }
    };
    let by_server = html! {
        table {
            caption { "Requests" }
            thead { tr {
                th.text scope="col" { "server" } th scope="col" { "sent" } th.text scope="col" { "repeated" } th scope="col" { "half of the replies within" }
                th scope="col" { "99 % within" } th scope="col" { "at once, at most" } th.text scope="col" { "waited for" }
            } }
            tbody { @for (server, calls) in shown.calls {
                @let retried = calls.retried.iter().take(8).map(|(reason, times)| format!("{} {}", count(*times), short(reason, 40)));
                @let waited = calls.waited_ms.iter().filter(|(_, ms)| **ms >= 1.0).map(|(cause, ms)| format!("{} {}", short(cause, 40), time(*ms)));
                tr {
                    th.text scope="row" { (short(server, 80)) } td { (count(calls.sent)) }
                    td.text { (retried.collect::<Vec<_>>().join(", ")) }
                    td { (time(calls.median_ms)) } td { (time(calls.slowest_ms)) } td { (calls.most_in_flight) }
                    td.text { (waited.collect::<Vec<_>>().join(", ")) }
                }
            } }
        }
    };
    Some(html! {
        (wide("Replies, tokens and cost", &by_step))
        (wide("Requests", &by_server))
        @if shown.report.resumed > 0 { p.quiet { "Requests of this process; replies that earlier ones received are those from the journal." } }
    })
}
