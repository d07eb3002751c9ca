//! Errors, shown: in one style, beside the lines of the pipeline file that they are about.

use callboard_plan::{Problem, Problems, Source};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// A problem, beside the text that it is about if there is one.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    source: Option<NamedSource<String>>,
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
        self.problem.at.and(self.source.as_ref()).map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.problem.at?;
        let label = LabeledSpan::new(None, span.start, (span.end - span.start).max(1));
        Some(Box::new(std::iter::once(label)))
    }
}

/// All problems of a pipeline file.
pub(crate) fn problems(problems: &Problems, colour: bool) -> String {
    let shown = problems.problems.iter().map(|problem| match problem.at {
        Some(_) => error(problem, Some(&problems.source), colour),
        None => {
            let message = format!("{}: {}", problems.source.name, problem.message);
            error(&Problem { message, ..problem.clone() }, None, colour)
        }
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// One error, with the line end.
pub(crate) fn error(problem: &Problem, source: Option<&Source>, colour: bool) -> String {
    let mut theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    theme.characters.error = "error:".to_owned();
    // Lines are left to the terminal to wrap: whoever searches a log for a message finds it whole.
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false);
    let source = source.map(|source| NamedSource::new(&*source.name, source.text.to_string()));
    // What components say is part of messages.
    let message = super::harmless(&problem.message);
    let problem = &Problem { message: message.clone(), ..problem.clone() };
    let mut text = String::new();
    match handler.render_report(&mut text, &Shown { problem, source }) {
        Ok(()) => format!("{}\n", text.trim()),
        Err(_) => format!("error: {message}\n"),
    }
}
