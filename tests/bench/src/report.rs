//! What a run of the benchmark found: the JSON, and what the Markdown is made of.

use serde::Serialize;

use crate::machine::Machine;
use crate::measure::Measure;
use crate::targets::{Bound, TARGETS, Target};

/// All that was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether it ran with sizes that show only that it works.
    pub quick: bool,
    /// Where it ran, and with what.
    pub machine: Machine,
    /// Each target of the sections that ran, in the order of [`TARGETS`].
    pub targets: Vec<Reached>,
    /// What each section found.
    pub sections: Vec<Section>,
}

/// A target and the figure beside it.
#[derive(Debug, Serialize)]
pub struct Reached {
    /// Its name.
    pub id: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// The target, in words.
    pub target: String,
    /// The figure, in the target's unit.
    pub figure: Option<f64>,
    /// Its unit.
    pub unit: &'static str,
    /// Whether the figure is within the target; none without a figure.
    pub met: Option<bool>,
    /// Why there is no figure.
    pub left_out: Option<String>,
}

/// What a section found.
#[derive(Debug, Serialize)]
pub struct Section {
    /// By which it is asked for.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What is measured, and what is not.
    pub about: &'static str,
    /// Its figures.
    pub tables: Vec<Table>,
    /// What else should be known of them.
    pub notes: Vec<String>,
    #[serde(skip)]
    reached: Vec<(&'static str, Result<f64, String>)>,
}

/// Figures that belong together.
#[derive(Debug, Serialize)]
pub struct Table {
    /// What they are of.
    pub title: String,
    /// The columns' names.
    pub columns: Vec<String>,
    /// Cells, one for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// A place in a table.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A figure.
    Figure(Measure),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<Measure> for Cell {
    fn from(measure: Measure) -> Cell {
        Cell::Figure(measure)
    }
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Table {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Table { title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    ///
    /// If it has another number of cells than there are columns.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        assert_eq!(N, self.columns.len(), "a row of `{}`", self.title);
        self.rows.push(cells.into());
    }
}

impl Section {
    pub(crate) fn new(name: &'static str, title: &'static str, about: &'static str) -> Section {
        Section { name, title, about, tables: Vec::new(), notes: Vec::new(), reached: Vec::new() }
    }

    /// Sets a figure beside its target.
    pub fn reach(&mut self, id: &'static str, figure: f64) {
        self.reached.push((id, Ok(figure)));
    }

    /// Says why there is no figure beside a target.
    pub fn leave_out(&mut self, id: &'static str, why: impl Into<String>) {
        self.reached.push((id, Err(why.into())));
    }

    /// Says something about the figures.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl Report {
    /// What the sections found, each target with its figure.
    ///
    /// # Panics
    ///
    /// If a section said nothing of one of its targets, or something of one that there is not: a mistake of ours.
    pub fn of(quick: bool, machine: Machine, sections: Vec<Section>) -> Report {
        let known = |id: &str| TARGETS.iter().any(|target| target.id == id);
        let unknown = sections.iter().flat_map(|section| &section.reached).find(|(id, _)| !known(id));
        assert!(unknown.is_none(), "there is no target {unknown:?}");
        let mut targets = Vec::new();
        for target in TARGETS {
            let Some(section) = sections.iter().find(|section| section.name == target.section()) else { continue };
            let found = section.reached.iter().find(|(id, _)| *id == target.id);
            let (_, found) = found.unwrap_or_else(|| panic!("`{}` says nothing of `{}`", section.name, target.id));
            targets.push(Reached::of(target, found));
        }
        Report { quick, machine, targets, sections }
    }
}

impl Reached {
    fn of(target: &Target, found: &Result<f64, String>) -> Reached {
        let Target { id, what, bound, unit } = *target;
        let figure = found.as_ref().ok().copied();
        let met = figure.map(|figure| Bound::holds(bound, figure));
        Reached { id, what, target: target.words(), figure, unit, met, left_out: found.as_ref().err().cloned() }
    }
}
