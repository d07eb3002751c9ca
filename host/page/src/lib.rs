//! The report of a run as a page: one file, with nothing from outside and without scripts.
//!
//! 1. [`page`] takes a report, its plan and examples of rows.
//! 2. Each section is a file: the head (`head`), the graph of the plan with rows on its edges (`graph`), time and memory (`curves`
//!    over `axis`, `stages`), steps and where rows went (`steps`, `rows`), columns in figures (`columns`), calls of servers (`calls`).
//! 3. maud escapes all text. Much of it is a stranger's, so it goes through `text` before that: what would turn a line around is replaced,
//!    and what is long is cut.
//!
//! Colours follow the reader's preference; all figures of the drawings stand in tables too.

#![forbid(unsafe_code)]

mod axis;
mod calls;
mod columns;
mod curves;
mod graph;
mod head;
mod rows;
mod stages;
mod steps;
mod text;

use std::collections::BTreeMap;

use callboard_plan::Plan;
use callboard_runtime::{CallsReport, Report, StepReport, UnfinishedReport};
use callboard_words::figures::time;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use text::short;

const STYLE: &str = include_str!("style.css");

/// A rejected row, to be shown: only where somebody asked for it, since rows may be private.
#[derive(Clone, Debug)]
pub struct Example {
    /// The step or input.
    pub node: String,
    /// Why it was rejected.
    pub reason: String,
    /// The row.
    pub row: String,
}

/// What a page shows.
struct Shown<'a> {
    report: &'a Report,
    plan: Option<&'a Plan>,
    unfinished: Option<&'a UnfinishedReport>,
    calls: &'a BTreeMap<String, CallsReport>,
    wall_ms: f64,
    examples: &'a [Example],
    state: State,
}

/// Whether a run goes on, and how a browser follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ended,
    /// The page is shown again by itself.
    Followed,
    /// It is not, so that it can be read in peace.
    Paused,
}

/// A page of a run that goes on is shown again after this many seconds.
pub const REFRESH: u32 = 2;

/// The page of a run that ended; without a plan, it has no graph.
pub fn page(report: &Report, plan: Option<&Plan>, examples: &[Example]) -> String {
    shown(report, plan, examples, State::Ended)
}

/// What the address of a page that is not to show itself again has behind its question mark.
pub const PAUSED: &str = "paused";

/// The page of a run that has not ended. A browser reloads it every [`REFRESH`] seconds unless it is paused: a reload sends screen readers
/// and keyboard users back to the top.
pub fn live_page(report: &Report, plan: &Plan, paused: bool) -> String {
    shown(report, Some(plan), &[], if paused { State::Paused } else { State::Followed })
}

/// The same before there is anything to show.
pub fn waiting_page() -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { (first_lines(true)) title { "Callboard" } style { (PreEscaped(STYLE)) } }
            body { main #main { h1 { "Callboard" } p { "The run has not begun: its inputs and components are being checked." } } }
        }
    };
    page.into_string()
}

fn shown(report: &Report, plan: Option<&Plan>, examples: &[Example], state: State) -> String {
    let unfinished = report.unfinished.as_ref();
    let (calls, wall_ms) = (&report.calls, report.wall_ms);
    Shown { report, plan, unfinished, calls, wall_ms, examples, state }.page().into_string()
}

/// What stands first in every head.
fn first_lines(refreshes: bool) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        // Whatever got past the escaping could load and run nothing.
        meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
        meta name="referrer" content="no-referrer";
        @if refreshes { meta http-equiv="refresh" content=(REFRESH); }
    }
}

impl Shown<'_> {
    fn goes_on(&self) -> bool {
        self.state != State::Ended
    }

    /// Steps of the stages that ended, in the order in which rows reach them.
    fn steps(&self) -> impl Iterator<Item = &StepReport> {
        self.report.stages.iter().flat_map(|stage| &stage.steps)
    }

    fn page(&self) -> Markup {
        let sections = [
            ("graph", "Pipeline", graph::section(self)),
            ("time", "Time and memory", curves::section(self)),
            ("stages", "Stages", stages::section(self)),
            ("steps", "Steps", steps::section(self)),
            ("rows", "Where rows went", rows::section(self)),
            ("columns", "Columns", columns::section(self)),
            ("files", "Inputs and outputs", rows::files(self)),
            ("calls", "Calls of servers", calls::section(self)),
            ("notes", "Notes", head::notes(self)),
        ];
        let sections: Vec<_> =
            sections.into_iter().filter_map(|(id, title, section)| Some((id, title, section?))).collect();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    (first_lines(self.state == State::Followed))
                    title { (short(&self.report.name, 80)) " – " (head::status(self)) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#main" { "Skip to the figures" }
                    (head::header(self))
                    nav aria-label="Sections" {
                        ul { @for (id, title, _) in &sections { li { a href={ "#" (id) } { (title) } } } }
                    }
                    main #main {
                        (head::error(self))
                        (head::figures(self))
                        @for (id, title, section) in &sections {
                            section id=(id) aria-labelledby={ (id) "-title" } {
                                h2 id={ (id) "-title" } { (title) }
                                (section)
                            }
                        }
                    }
                    (head::footer(self))
                }
            }
        }
    }
}

/// What is wider than a narrow window, and is moved within it: by the keyboard too.
fn wide(label: &str, content: &Markup) -> Markup {
    html! { div.wide tabindex="0" role="group" aria-label=(label) { (content) } }
}

/// A time, or a dash for none.
fn spent(ms: f64) -> String {
    if ms > 0.0 { time(ms) } else { "–".to_owned() }
}
