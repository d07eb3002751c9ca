//! Texts and tables in lines of a width, broken where they may be: for people, in plain text.

/// A line of a table about an input, a step or an output.
pub(crate) struct Row {
    pub(crate) mark: &'static str,
    pub(crate) name: String,
    pub(crate) what: String,
    /// A list, which is broken after its commas.
    pub(crate) from: String,
    pub(crate) need: String,
    /// A list, which is broken after its commas.
    pub(crate) limits: String,
}

/// Lists of this many characters at most stand in a cell of one line, however wide the table may be.
const LONGEST: usize = 60;
/// What a cell needs to be readable. With less, it goes below the others.
const LEAST: usize = 40;
/// How far the lines behind the first stand to the right.
const MARGIN: usize = 6;

/// How wide the columns of a table are.
pub(crate) struct Columns {
    name: usize,
    what: usize,
    from: usize,
    need: usize,
    width: usize,
    /// All cells of a row stand side by side.
    is_wide: bool,
}

impl Columns {
    /// Those of these rows, in lines of at most `width` characters.
    pub(crate) fn of(rows: &[&Row], width: usize) -> Self {
        let widest = |cell: fn(&Row) -> &str| {
            let lines = rows.iter().flat_map(|row| list(cell(row), LONGEST));
            lines.map(|line| length(&line)).max().unwrap_or_default()
        };
        let most = |cell: fn(&Row) -> &str| rows.iter().map(|row| length(cell(row))).max().unwrap_or_default();
        let (name, what, from, need) =
            (most(|row| &row.name), most(|row| &row.what), widest(|row| &row.from), most(|row| &row.need));
        let limits = most(|row| &row.limits);
        let is_wide = [4 + name, what, from, need, limits].iter().sum::<usize>() + 8 <= width;
        Self { name, what, from, need, width, is_wide }
    }

    /// A row in these columns, one line or several.
    pub(crate) fn lines(&self, row: &Row) -> Vec<String> {
        let Row { mark, name, what, from, need, limits } = row;
        let mut head = format!("  {mark} {name:0$}  {what:1$}", self.name, self.what);
        let indent = length(&head) + 2;
        if self.is_wide {
            let mut parts = list(from, LONGEST).into_iter();
            let first = parts.next().unwrap_or_default();
            head.push_str(&format!("  {first:0$}  {need:1$}  {limits}", self.from, self.need));
            let more = parts.map(|part| format!("{:indent$}{part}", ""));
            return std::iter::once(head.trim_end().to_owned()).chain(more).collect();
        }
        let details =
            [need.as_str(), limits].into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(", ");
        let is_below = self.width.saturating_sub(indent) < LEAST;
        let indent = if is_below { MARGIN } else { indent };
        let room = self.width.saturating_sub(indent);
        let mut cells = list(from, room);
        match cells.last_mut().filter(|last| length(last) + 2 + length(&details) <= room) {
            Some(last) => last.push_str(&format!("  {details}")),
            None => cells.extend(list(&details, room)),
        }
        let mut cells = cells.into_iter().map(|cell| cell.trim_end().to_owned()).filter(|cell| !cell.is_empty());
        if !is_below && let Some(first) = cells.next() {
            head.push_str(&format!("  {first}"));
        }
        let more = cells.map(|cell| format!("{:indent$}{cell}", ""));
        std::iter::once(head.trim_end().to_owned()).chain(more).collect()
    }
}

/// A sentence in lines, broken at spaces; those behind the first stand to the right.
pub(crate) fn sentence(text: &str, width: usize) -> String {
    let lines = text.lines().flat_map(|line| {
        let indent = 2;
        let broken = broken(line, " ", width.saturating_sub(indent));
        broken.into_iter().enumerate().map(move |(nth, line)| match nth {
            0 => line,
            _ => format!("{:indent$}{line}", ""),
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A line that stands `indent` to the right, and is broken at spaces; those behind its first stand further right.
pub(crate) fn hanging(text: &str, indent: usize, width: usize) -> String {
    let lines = broken(text, " ", width.saturating_sub(indent + 2)).into_iter().enumerate();
    let indented = lines.map(|(nth, line)| format!("{:1$}{line}", "", indent + if nth == 0 { 0 } else { 2 }));
    indented.collect::<Vec<_>>().join("\n")
}

/// A list in lines, broken after its commas; a part that is too long for a line, such as a condition, at its spaces.
fn list(text: &str, width: usize) -> Vec<String> {
    let too_long = |line: String| match length(&line) > width {
        true => broken(&line, " ", width),
        false => vec![line],
    };
    broken(text, ", ", width).into_iter().flat_map(too_long).collect()
}

/// Greedy; a part that is longer than a line stands alone in one that is too long, so that it can be copied.
fn broken(text: &str, behind: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(behind) {
        let line = lines.last_mut().filter(|line| line.is_empty() || length(line) + length(part.trim_end()) <= width);
        match line {
            Some(line) => line.push_str(part),
            None => lines.push(part.to_owned()),
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}
