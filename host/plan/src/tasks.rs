//! A plan cut into tasks, so that several processes can carry it out: which nodes of a stage belong together, and how their rows are sliced.
//!
//! 1. The nodes of a stage that hand rows to each other are together.
//! 2. Transforms are sliced: by the files of their input and the bytes of large ones, or by the batches of the spills that they read. An output whose
//!    slices can be written one after another is sliced with what it reads. Rows that are appended within the stage, and other outputs, are read
//!    back from spills by nodes apart, in the order of one machine.
//! 3. A global step whose rows are brought together by key is three groups: each task of the first parts its slice of the rows by their keys, each of
//!    the second calls the step with some parts, and the one of the third puts the results together, in the order of the rows.
//! 4. What needs all rows is whole: another global step, a source, an input that the plan reads at most some rows of, a step that asks servers (its
//!    limits hold in one process), one that writes files, one whose batches are recut, and a zip of which a branch comes from elsewhere.
//!
//! A group and its slices are decided by the plan and the sizes of the inputs' files alone, so a task has the same number wherever it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::door::Feed;
use crate::plan::{Edge, Plan, PlannedStep, Reader, Stage};
use crate::scan::Kind;

/// How a plan is to be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slicing {
    /// The most slices of a group; with fewer than two, nothing is sliced.
    pub slices: u32,
    /// Each input's files, in the order in which they are read.
    pub files: BTreeMap<String, Vec<InputFile>>,
    /// The global steps whose rows are brought together by key.
    pub keyed: BTreeSet<String>,
    /// The outputs whose bytes are those of their slices, one after another.
    pub appended: BTreeSet<String>,
    /// Whether the run reads at most some rows of each input.
    pub limited: bool,
}

/// A file of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Its size.
    pub bytes: u64,
    /// Whether parts of it can be read by themselves.
    pub is_parted: bool,
}

/// A byte of one of an input's files. Rows belong to where the batch begins that they are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePlace {
    /// The place of the file among the input's.
    pub file: usize,
    /// From 0, which is the beginning of any file; in one that is parted, any byte.
    pub byte: u64,
}

impl Slicing {
    fn of(&self, input: &str) -> &[InputFile] {
        self.files.get(input).map_or(&[], Vec::as_slice)
    }
}

/// A task: a slice of a group. Its text is `2.0014`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The group, from 1.
    pub group: u32,
    /// The slice of it, from 0.
    pub slice: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04}", self.group, self.slice)
    }
}

impl FromStr for TaskId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<TaskId, &'static str> {
        let parts = text.split_once('.').and_then(|(group, slice)| Some((group.parse().ok()?, slice.parse().ok()?)));
        let id = parts.map(|(group, slice)| TaskId { group, slice });
        id.filter(|id| id.to_string() == text).ok_or("expected a task such as 2.0014")
    }
}

/// Nodes of a stage that a task carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// From 1, in an order in which each comes after those whose rows it reads.
    pub index: u32,
    /// The stage that the nodes are of.
    pub stage: usize,
    /// The groups whose rows it reads.
    pub after: BTreeSet<u32>,
    /// Names, in the order of the stage.
    pub steps: Vec<String>,
    /// Inputs that are read into a spill first, as [`Stage::intakes`].
    pub intakes: Vec<String>,
    /// Inputs that are read.
    pub inputs: Vec<String>,
    /// Outputs that are written.
    pub outputs: Vec<String>,
    /// What a task takes of the rows.
    pub cut: Cut,
}

/// What each task of a group takes of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// There is one task, which takes all.
    Whole,
    /// Some files of the group's one input, or parts of files, one after another.
    Files(Vec<Range<FilePlace>>),
    /// Equal shares of the batches of these feeds, one after another.
    Rows {
        /// In the order in which they are appended.
        feeds: Vec<Feed>,
        /// How many.
        slices: u32,
    },
    /// Equal shares of the rows that a step reads, which each task parts by their keys.
    Scatter(u32),
    /// Equal shares of these parts, with which each task calls the step.
    Parts(u32),
    /// There is one task, which puts the results together.
    Merge,
}

impl Group {
    /// How many tasks it has.
    pub fn slices(&self) -> u32 {
        match &self.cut {
            Cut::Whole | Cut::Merge => 1,
            Cut::Files(slices) => slices.len() as u32,
            Cut::Rows { slices, .. } | Cut::Scatter(slices) | Cut::Parts(slices) => *slices,
        }
    }

    /// Its tasks.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + use<> {
        let group = self.index;
        (0..self.slices()).map(move |slice| TaskId { group, slice })
    }

    /// Whether it puts rows out under this name: an input or a step of it.
    pub fn writes(&self, node: &str) -> bool {
        if matches!(self.cut, Cut::Scatter(_) | Cut::Parts(_)) {
            return false;
        }
        [&self.steps, &self.intakes, &self.inputs].into_iter().any(|names| names.iter().any(|name| name == node))
    }

    /// Whether it continues what another group began of a step whose rows are brought together by key.
    pub fn continues(&self, other: &Group) -> bool {
        let phases = (&other.cut, &self.cut);
        matches!(phases, (Cut::Scatter(_), Cut::Parts(_)) | (Cut::Parts(_), Cut::Merge)) && self.steps == other.steps
    }

    /// Whether this step or output is one of it.
    pub fn reads(&self, reader: &Reader) -> bool {
        match reader {
            Reader::Step(name) => self.steps.contains(name),
            Reader::Output(name) => self.outputs.contains(name),
        }
    }

    /// The feeds that it reads and does not write.
    pub fn feeds<'a>(&'a self, plan: &'a Plan) -> BTreeSet<&'a Feed> {
        let edges = plan.edges().iter().filter(|edge| self.reads(&edge.to) && !self.writes(&edge.from.node));
        edges.map(|edge| &edge.from).collect()
    }

    /// The part of its stage that it is.
    pub fn part_of(&self, stage: &Stage) -> Stage {
        let Group { steps, intakes, inputs, outputs, .. } = self.clone();
        Stage { steps, intakes, inputs, outputs, ..stage.clone() }
    }
}

/// A node of a stage: what may put out rows, or an output, which may have the name of such a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node<'a> {
    Intake(&'a str),
    Input(&'a str),
    Step(&'a str),
    Output(&'a str),
}

impl Plan {
    /// Cuts the plan into groups of tasks.
    pub fn groups(&self, slicing: &Slicing) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for stage in &self.stages {
            let nodes = nodes_of(stage);
            for nodes in connected(&nodes, &self.inside(&nodes)) {
                let parts = self.sliced(&nodes, slicing);
                let parts = parts.unwrap_or_else(|| vec![(nodes, Cut::Whole)]);
                groups.extend(parts.into_iter().map(|(nodes, cut)| group(stage, &nodes, cut)));
            }
        }
        self.in_order(groups)
    }

    /// The edges whose both ends are among these nodes, as places in their list.
    fn inside(&self, nodes: &[Node<'_>]) -> Vec<(usize, usize, &Edge)> {
        let at = |edge: &Edge| Some((from(nodes, &edge.from.node)?, to(nodes, &edge.to)?));
        self.edges.iter().filter_map(|edge| at(edge).map(|(from, to)| (from, to, edge))).collect()
    }

    /// Nodes that belong together, parted so that each part can be sliced; `None` if they cannot.
    fn sliced<'a>(&self, nodes: &[Node<'a>], slicing: &Slicing) -> Option<Vec<(Vec<Node<'a>>, Cut)>> {
        let is_global = |node: Node<'_>| match node {
            Node::Step(name) => self.step(name).is_some_and(|step| step.kind == Kind::Global),
            _ => false,
        };
        let is_keyed = |node: Node<'_>| match node {
            Node::Step(name) => slicing.keyed.contains(name) && self.step(name).is_some_and(|step| !is_bound(step)),
            _ => false,
        };
        // A global step is a part of its own, as are the inputs that it reads, if this is of use.
        let has_keyed = nodes.iter().any(|node| is_keyed(*node));
        let needs_all = |node: Node<'_>| match node {
            Node::Intake(name) => !has_keyed || self.is_bounded(name, slicing),
            node if is_global(node) => !has_keyed,
            node => self.needs_all(node, slicing),
        };
        if slicing.slices < 2 || nodes.iter().any(|node| needs_all(*node)) || !self.holds_zips(nodes) {
            return None;
        }
        let edges = self.inside(nodes);
        let apart = |at: usize| match nodes[at] {
            Node::Output(name) => {
                let reader = Reader::Output(name.to_owned());
                let edges = self.edges.iter().filter(|edge| edge.to == reader).count();
                !slicing.appended.contains(name) || edges > 1
            }
            Node::Step(name) => {
                let is_appended = self.edges_into(name).count() > 1;
                is_global(nodes[at]) || is_appended && self.zip_of(&Reader::Step(name.to_owned())).is_none()
            }
            Node::Input(_) | Node::Intake(_) => false,
        };
        // Rows of too few files are read by tasks of their own, and then sliced; so are those of a global step, which an output may read in its stage.
        let read_apart = |at: usize| match nodes[at] {
            Node::Input(name) => !is_even(slicing.of(name), slicing.slices),
            node => is_global(node),
        };
        let kept = edges.into_iter().filter(|(from, to, _)| !apart(*to) && !read_apart(*from)).collect::<Vec<_>>();
        let phases = [Cut::Scatter(slicing.slices), Cut::Parts(slicing.slices), Cut::Merge];
        let mut parts = Vec::new();
        for part in connected(nodes, &kept) {
            if !self.holds_zips(&part) {
                return None;
            }
            let cuts = match part[..] {
                [node] if is_keyed(node) => phases.to_vec(),
                [node] if is_global(node) => vec![Cut::Whole],
                _ => vec![self.cut(&part, slicing)?],
            };
            parts.extend(cuts.into_iter().map(|cut| (part.clone(), cut)));
        }
        Some(parts)
    }

    /// How the rows of one part are sliced; `None` if its rows come from several places at once.
    fn cut(&self, nodes: &[Node<'_>], slicing: &Slicing) -> Option<Cut> {
        if let [Node::Output(name)] = nodes {
            let reader = Reader::Output((*name).to_owned());
            let edges = self.edges.iter().filter(|edge| edge.to == reader);
            let feeds = edges.map(|edge| edge.from.clone()).collect();
            return Some(match slicing.appended.contains(*name) && self.zip_of(&reader).is_none() {
                true => Cut::Rows { feeds, slices: slicing.slices },
                false => Cut::Whole,
            });
        }
        let inputs: Vec<&str> = nodes.iter().filter_map(|node| input(*node)).collect();
        let mut read = nodes.iter().filter_map(|node| match node {
            Node::Step(name) => Some(self.edges_into(name).collect::<Vec<_>>()),
            _ => None,
        });
        let mut outside = BTreeSet::new();
        let is_here = |edge: &&Edge| from(nodes, &edge.from.node).is_some();
        let fits = read.all(|edges| match edges.iter().filter(|edge| is_here(edge)).count() {
            0 => {
                outside.insert(edges.iter().map(|edge| edge.from.clone()).collect::<Vec<_>>());
                true
            }
            inside => inside == edges.len(),
        });
        match (&inputs[..], outside.pop_first(), outside.is_empty() && fits) {
            ([name], None, true) => Some(Cut::Files(shares(slicing.of(name), slicing.slices))),
            ([], Some(feeds), true) => Some(Cut::Rows { feeds, slices: slicing.slices }),
            _ => None,
        }
    }

    /// Whether a node has to have all rows, in one process.
    fn needs_all(&self, node: Node<'_>, slicing: &Slicing) -> bool {
        match node {
            Node::Intake(_) => true,
            Node::Input(name) => self.is_bounded(name, slicing),
            Node::Step(name) => {
                let cut_anew = |name: &str| self.step(name).is_some_and(|step| step.batch.is_some());
                let step = self.step(name);
                step.is_none_or(|step| step.kind != Kind::Transform || is_bound(step))
                    || cut_anew(name)
                    || self.edges_into(name).any(|edge| cut_anew(&edge.from.node))
            }
            Node::Output(_) => false,
        }
    }

    /// Whether at most some rows are read of an input.
    fn is_bounded(&self, input: &str, slicing: &Slicing) -> bool {
        let bounded = self.input(input).is_none_or(|input| input.reading.rows.is_some());
        bounded || slicing.limited || slicing.of(input).is_empty()
    }

    /// Whether each zip, the rows that its branches part from and the last steps of these are all among the nodes, or none of them. An output
    /// is not read apart from its branches, so one that reads a zip is not among them.
    fn holds_zips(&self, nodes: &[Node<'_>]) -> bool {
        self.zips().all(|(reader, zip)| {
            let branches: Vec<&Edge> = self.edges.iter().filter(|edge| edge.to == reader).collect();
            let sources = branches.iter().map(|edge| &edge.from.node).chain([&zip.fork.node]);
            let here: Vec<bool> =
                sources.map(|node| from(nodes, node).is_some()).chain([to(nodes, &reader).is_some()]).collect();
            let all = here.iter().all(|is_here| *is_here) && reader.step().is_some();
            all || !here.contains(&true)
        })
    }

    /// The groups, numbered so that each comes after those whose rows it reads.
    fn in_order(&self, mut left: Vec<Group>) -> Vec<Group> {
        let mut done: Vec<Group> = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let ready = left.iter().position(|group| {
                let is_read = group.feeds(self).iter().all(|feed| done.iter().any(|before| before.writes(&feed.node)));
                let is_later = matches!(group.cut, Cut::Parts(_) | Cut::Merge);
                is_read && (!is_later || done.iter().any(|before| group.continues(before)))
            });
            // A plan has no circles, so there is always one.
            let mut group = left.remove(ready.unwrap_or(0));
            let after =
                group.feeds(self).into_iter().filter_map(|feed| done.iter().find(|before| before.writes(&feed.node)));
            let continued = done.iter().filter(|before| group.continues(before));
            group.after = after.chain(continued).map(|before| before.index).collect();
            group.index = done.len() as u32 + 1;
            done.push(group);
        }
        done
    }
}

/// Whether a step has to be in one process: it may write files, or send requests whose limits hold there.
fn is_bound(step: &PlannedStep) -> bool {
    step.grants.writes() || !step.grants.http.is_empty()
}

fn nodes_of(stage: &Stage) -> Vec<Node<'_>> {
    let Stage { steps, intakes, inputs, outputs, .. } = stage;
    let nodes = intakes.iter().map(|name| Node::Intake(name)).chain(inputs.iter().map(|name| Node::Input(name)));
    let nodes = nodes.chain(steps.iter().map(|name| Node::Step(name)));
    nodes.chain(outputs.iter().map(|name| Node::Output(name))).collect()
}

/// The place of the node that puts out rows under this name.
fn from(nodes: &[Node<'_>], wanted: &str) -> Option<usize> {
    nodes.iter().position(|node| match node {
        Node::Intake(name) | Node::Input(name) | Node::Step(name) => *name == wanted,
        Node::Output(_) => false,
    })
}

/// The place of a node that reads.
fn to(nodes: &[Node<'_>], reader: &Reader) -> Option<usize> {
    nodes.iter().position(|node| match (node, reader) {
        (Node::Step(name), Reader::Step(wanted)) | (Node::Output(name), Reader::Output(wanted)) => name == wanted,
        _ => false,
    })
}

fn input(node: Node<'_>) -> Option<&str> {
    match node {
        Node::Intake(name) | Node::Input(name) => Some(name),
        Node::Step(_) | Node::Output(_) => None,
    }
}

/// Nodes that edges lead between, together; each part in the order of the nodes.
fn connected<'a>(nodes: &[Node<'a>], edges: &[(usize, usize, &Edge)]) -> Vec<Vec<Node<'a>>> {
    let mut part: Vec<usize> = (0..nodes.len()).collect();
    for (from, to, _) in edges {
        let (one, other) = (part[*from], part[*to]);
        part.iter_mut().filter(|part| **part == other).for_each(|part| *part = one);
    }
    let parts: BTreeSet<usize> = part.iter().copied().collect();
    let of =
        |wanted: usize| nodes.iter().zip(&part).filter(|(_, part)| **part == wanted).map(|(node, _)| *node).collect();
    parts.into_iter().map(of).collect()
}

fn group(stage: &Stage, nodes: &[Node<'_>], cut: Cut) -> Group {
    let names =
        |of: fn(Node<'_>) -> Option<&str>| nodes.iter().filter_map(|node| of(*node)).map(str::to_owned).collect();
    Group {
        index: 0,
        stage: stage.index,
        after: BTreeSet::new(),
        steps: names(|node| if let Node::Step(name) = node { Some(name) } else { None }),
        intakes: names(|node| if let Node::Intake(name) = node { Some(name) } else { None }),
        inputs: names(|node| if let Node::Input(name) = node { Some(name) } else { None }),
        outputs: names(|node| if let Node::Output(name) = node { Some(name) } else { None }),
        cut,
    }
}

/// At most this many shares of files, one after another, of about equal bytes: of whole files, if these can be shared out evenly.
fn shares(files: &[InputFile], most: u32) -> Vec<Range<FilePlace>> {
    let of_files = whole_files(files, most);
    if are_even(files, &of_files, most) { of_files } else { parts(files, most) }
}

/// Shares of whole files.
fn whole_files(files: &[InputFile], most: u32) -> Vec<Range<FilePlace>> {
    let share = all_bytes(files).div_ceil(u64::from(most.max(1))).max(1);
    let (mut begin, mut before) = (vec![0], 0_u64);
    for (at, file) in files.iter().enumerate() {
        // A file belongs to the share that its middle lies in.
        if begin.last().is_some_and(|begin| at > *begin) && (before + file.bytes / 2) / share >= begin.len() as u64 {
            begin.push(at);
        }
        before = before.saturating_add(file.bytes);
    }
    between(begin.into_iter().map(|file| FilePlace { file, byte: 0 }), files)
}

/// Shares that begin and end within files, where these are parted.
fn parts(files: &[InputFile], most: u32) -> Vec<Range<FilePlace>> {
    let all = all_bytes(files);
    let mut begin = vec![FilePlace::default()];
    let (mut at, mut before) = (0, 0_u64);
    for share in 1..u64::from(most) {
        let wanted = (u128::from(all) * u128::from(share) / u128::from(most)) as u64;
        while let Some(file) = files.get(at).filter(|file| before.saturating_add(file.bytes) <= wanted) {
            before += file.bytes;
            at += 1;
        }
        let Some(file) = files.get(at) else { break };
        let place = match (file.is_parted, wanted - before) {
            (true, byte) => FilePlace { file: at, byte },
            (false, byte) => FilePlace { file: at + usize::from(byte > file.bytes / 2), byte: 0 },
        };
        if begin.last().is_some_and(|last| *last < place) && place.file < files.len() {
            begin.push(place);
        }
    }
    between(begin.into_iter(), files)
}

/// From each place to the next, and from the last to the end of all files.
fn between(begin: impl Iterator<Item = FilePlace> + Clone, files: &[InputFile]) -> Vec<Range<FilePlace>> {
    let end = begin.clone().skip(1).chain([FilePlace { file: files.len(), byte: 0 }]);
    begin.zip(end).map(|(begin, end)| begin..end).collect()
}

fn all_bytes(files: &[InputFile]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
}

/// Whether files can be shared out evenly.
fn is_even(files: &[InputFile], slices: u32) -> bool {
    are_even(files, &shares(files, slices), slices)
}

/// Whether no share takes more than half as much again as its part.
fn are_even(files: &[InputFile], shares: &[Range<FilePlace>], slices: u32) -> bool {
    let mut sums = vec![0_u64];
    sums.extend(files.iter().scan(0_u64, |sum, file| {
        *sum = sum.saturating_add(file.bytes);
        Some(*sum)
    }));
    let before = |place: &FilePlace| sums[place.file].saturating_add(place.byte);
    let largest = shares.iter().map(|share| before(&share.end).saturating_sub(before(&share.start))).max().unwrap_or(0);
    largest <= (all_bytes(files) / u64::from(slices.max(1))).saturating_mul(3) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(bytes: &[u64], is_parted: bool) -> Vec<InputFile> {
        bytes.iter().map(|bytes| InputFile { bytes: *bytes, is_parted }).collect()
    }

    /// Where shares begin: file and byte.
    fn begin(files: &[InputFile], most: u32) -> Vec<(usize, u64)> {
        shares(files, most).iter().map(|share| (share.start.file, share.start.byte)).collect()
    }

    #[test]
    fn files_are_shared_out_by_their_bytes_and_in_order() {
        for is_parted in [true, false] {
            assert_eq!(begin(&files(&[10, 10, 10, 10], is_parted), 2), [(0, 0), (2, 0)]);
            assert_eq!(begin(&files(&[0, 0, 0], is_parted), 4), [(0, 0)]);
        }
        assert_eq!(begin(&files(&[10, 10, 10], false), 2), [(0, 0), (1, 0)]);
        assert_eq!(begin(&files(&[100, 1, 1, 1], false), 3), [(0, 0), (1, 0)]);
        assert_eq!(begin(&files(&[5], false), 4), [(0, 0)]);
        for most in 1..9 {
            for is_parted in [true, false] {
                let files = files(&(0..50).map(|at| at * 7919 % 101).collect::<Vec<_>>(), is_parted);
                let shares = shares(&files, most);
                assert!(shares.len() <= most as usize, "{shares:?}");
                let end = FilePlace { file: 50, byte: 0 };
                assert_eq!((shares[0].start, shares.last().unwrap().end), (FilePlace::default(), end));
                assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start), "{shares:?}");
                assert!(shares.iter().all(|share| share.start < share.end), "{shares:?}");
            }
        }
    }

    #[test]
    fn large_files_are_parted_where_they_can_be_and_whole_ones_would_not_be_even() {
        assert_eq!(begin(&files(&[90], true), 3), [(0, 0), (0, 30), (0, 60)]);
        assert_eq!(begin(&files(&[60, 5, 5, 20], true), 3), [(0, 0), (0, 30), (1, 0)]);
        let mixed = [InputFile { bytes: 60, is_parted: false }, InputFile { bytes: 60, is_parted: true }];
        assert_eq!(begin(&mixed, 4), [(0, 0), (1, 0), (1, 30)]);
    }

    #[test]
    fn shares_that_differ_much_are_not_even() {
        let is_even = |bytes: &[u64], slices, is_parted| is_even(&files(bytes, is_parted), slices);
        assert!(is_even(&[10, 10, 10, 10], 2, false) && is_even(&[10, 9, 8], 3, false));
        assert!(!is_even(&[10], 2, false) && !is_even(&[10, 10], 3, false) && !is_even(&[100, 1, 1, 1], 4, false));
        assert!(is_even(&[10], 2, true) && is_even(&[10, 10], 3, true) && is_even(&[100, 1, 1, 1], 4, true));
    }

    #[test]
    fn a_task_is_read_as_it_is_written() {
        let id = TaskId { group: 2, slice: 14 };
        assert_eq!((id.to_string().as_str(), "2.0014".parse()), ("2.0014", Ok(id)));
        for text in ["2", "2.14", "02.0014", "2.0014 ", "-1.0000", "drive"] {
            assert!(text.parse::<TaskId>().is_err(), "{text}");
        }
    }
}
