//! Errors, shown: with the lines of the pipeline file where they are about it.

use callboard_plan::{Problem, Problems};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// A problem beside the text that it is about.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: NamedSource<String>,
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem.at.map(|_| &self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.problem.at?;
        let label = LabeledSpan::new(None, span.start, (span.end - span.start).max(1));
        Some(Box::new(std::iter::once(label)))
    }
}

/// All problems of a pipeline file.
pub(crate) fn render(problems: &Problems, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    let mut text = String::new();
    for problem in &problems.problems {
        let source = NamedSource::new(&*problems.source.name, problems.source.text.to_string());
        let shown = Shown { problem, source };
        if handler.render_report(&mut text, &shown).is_err() {
            text.push_str(&problem.message);
        }
        if problem.at.is_none() {
            text.push_str(&format!("  in: {}\n", problems.source.name));
        }
    }
    text
}

/// An error that is about no text.
pub(crate) fn error(message: &str, help: Option<&str>) -> String {
    let help = help.map(|help| format!("\n  help: {}", help.replace('\n', "\n        "))).unwrap_or_default();
    format!("error: {message}{help}")
}
