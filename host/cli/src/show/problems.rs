//! Errors, shown: in one style, beside the lines of the pipeline file that they are about.

use super::flags::flag;
use callboard_plan::{Problem, Problems, Source, Span};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use super::arguments::in_their_lines;
use super::{acts, harmless, inline, short, with_margin};

/// A line that is longer is shown around its place alone, bytes.
const LONGEST_LINE: usize = 300;
/// Bytes of such a line that are shown before the place, and from it on.
const AROUND: (usize, usize) = (60, 120);
/// A place that covers more lines is shown by its first.
const MOST_LINES: usize = 8;

/// A pipeline's text, ready to be shown: no character that a terminal obeys, each where it was, and one more behind the last where a problem is
/// that the text ends.
struct Text {
    name: String,
    text: String,
}

impl Text {
    fn of(source: &Source, problems: &[Problem]) -> Text {
        let mut text = String::with_capacity(source.text.len() + 1);
        for c in source.text.chars() {
            match acts(c) && c != '\n' && c != '\t' {
                true => text.extend(std::iter::repeat_n('?', c.len_utf8())),
                false => text.push(c),
            }
        }
        if problems.iter().any(|problem| problem.at.is_some_and(|at| at.start >= text.len())) {
            text.push(' ');
        }
        Text { name: inline(&source.name), text }
    }

    /// What is pointed at: within the text, and of few lines.
    fn pointed(&self, at: Span) -> (usize, usize) {
        let start = self.text.floor_char_boundary(at.start.min(self.text.len() - 1));
        let end = self.text.floor_char_boundary(at.end.min(self.text.len())).max(start + 1);
        let covered = self.text.get(start..end).unwrap_or_default();
        match covered.match_indices('\n').nth(MOST_LINES) {
            None => (start, end - start),
            Some(_) => (start, covered.find('\n').unwrap_or(1).max(1)),
        }
    }
}

impl SourceCode for Text {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, lines_before, lines_after)?;
        let named = |data, span, line, column, lines| {
            Box::new(MietteSpanContents::new_named(self.name.clone(), data, span, line, column, lines))
        };
        let data = read.data();
        if data.split(|byte| *byte == b'\n').all(|line| line.len() <= LONGEST_LINE) {
            return Ok(named(data, *read.span(), read.line(), read.column(), read.line_count()));
        }
        let before = &self.text[..span.offset()];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[span.offset()..].find('\n').map_or(self.text.len(), |length| span.offset() + length);
        let from = self.text.floor_char_boundary(span.offset().saturating_sub(AROUND.0).max(line_start));
        let to = self.text.floor_char_boundary((span.offset() + AROUND.1).min(line_end)).max(from);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = self.text[line_start..from].chars().count();
        Ok(named(&self.text.as_bytes()[from..to], (from, to - from).into(), line, column, 1))
    }
}

/// A problem, beside the text that it is about if there is one.
struct Shown<'a> {
    message: String,
    help: Option<String>,
    text: Option<(&'a Text, (usize, usize))>,
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help(&self) -> Option<Box<dyn std::fmt::Display + '_>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.map(|(text, _)| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, (start, length)) = self.text?;
        Some(Box::new(std::iter::once(LabeledSpan::new(None, start, length))))
    }
}

/// All problems of a pipeline file.
pub(crate) fn problems(problems: &Problems, colour: bool) -> String {
    let text = Text::of(&problems.source, &problems.problems);
    let shown = problems.problems.iter().map(|problem| match problem.at {
        Some(_) => shown(problem, Some(&text), colour),
        None => {
            let message = format!("{}: {}", problems.source.name, problem.message);
            shown(&Problem { message, ..problem.clone() }, None, colour)
        }
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// One error, with the line end.
pub(crate) fn error(problem: &Problem, source: Option<&Source>, colour: bool) -> String {
    shown(problem, source.map(|source| Text::of(source, std::slice::from_ref(problem))).as_ref(), colour)
}

fn shown(problem: &Problem, text: Option<&Text>, colour: bool) -> String {
    let mut theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    theme.characters.error = "error:".to_owned();
    // Lines are left to the terminal to wrap: whoever searches a log for a message finds it whole.
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false);
    // What components say is part of messages.
    let message = harmless(&short(in_their_lines(&problem.message).trim_end())).into_owned();
    let help = problem.help.as_ref().map(|help| harmless(&short(&in_their_lines(&help.said(flag)))).into_owned());
    let text = problem.at.zip(text).map(|(at, text)| (text, text.pointed(at)));
    let mut written = String::new();
    match handler.render_report(&mut written, &Shown { message: message.clone(), help, text }) {
        Ok(()) => format!("{}\n", written.trim()),
        Err(_) => format!("error: {}\n", with_margin(&message)),
    }
}
