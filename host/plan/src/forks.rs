//! Where the branches of each zip part: the nearest rows that all of them come from.

use crate::door::{Door, Feed};
use crate::draft::{DraftEdge, End};
use crate::pipeline::{From, Pipeline};
use crate::problem::Findings;
use crate::spelling::quoted;
use crate::zip::Zipping;

/// All rows of a node, or of a door of it.
pub(crate) type Whole = (End, Option<Door>);

/// A port whose feeds are zipped.
#[derive(Clone, Debug)]
pub(crate) struct DraftZip {
    pub(crate) to: End,
    /// Its edges, which stand side by side.
    pub(crate) edges: std::ops::Range<usize>,
    pub(crate) fork: Whole,
    pub(crate) how: Zipping,
}

/// The rows that those of each step come from: what its first input reads, or the fork of what it zips.
struct Lines<'a> {
    pipeline: &'a Pipeline,
    before: Vec<Option<Whole>>,
    /// How many of them there are, one before the other.
    depth: Vec<usize>,
    appends: Vec<bool>,
}

/// The zips of a pipeline, each behind those that its branches go through.
pub(crate) fn zips(
    pipeline: &Pipeline,
    edges: &[DraftEdge],
    order: &[usize],
    findings: &mut Findings,
) -> Vec<DraftZip> {
    let steps = pipeline.steps.len();
    let mut of_step: Vec<std::ops::Range<usize>> = vec![0..0; steps];
    let mut of_output: Vec<std::ops::Range<usize>> = vec![0..0; pipeline.outputs.len()];
    for (nth, edge) in edges.iter().enumerate() {
        let range = match edge.to {
            End::Step(step) => &mut of_step[step],
            End::Output(output) => &mut of_output[output],
            End::Input(_) => continue,
        };
        // The first input is what carries rows on.
        if range.start == range.end {
            *range = nth..nth + 1;
        } else if range.end == nth && edge.port == edges[range.start].port {
            range.end = nth + 1;
        }
    }
    let mut lines = Lines { pipeline, before: vec![None; steps], depth: vec![0; steps], appends: vec![false; steps] };
    let mut zips = Vec::new();
    for step in order.iter().copied() {
        let range = of_step[step].clone();
        let before = match &pipeline.steps[step].from {
            From::Zip(_, how) => {
                let fork = lines.fork(&edges[range.clone()], findings);
                if let Some(fork) = fork {
                    zips.push(DraftZip { to: End::Step(step), edges: range, fork, how: how.value.clone() });
                }
                fork
            }
            _ if range.len() == 1 => Some((edges[range.start].from, edges[range.start].door)),
            _ => {
                lines.appends[step] = range.len() > 1;
                None
            }
        };
        lines.before[step] = before;
        lines.depth[step] = before.map_or(0, |before| lines.depth(before) + 1);
    }
    for (output, range) in of_output.into_iter().enumerate() {
        if let From::Zip(_, how) = &pipeline.outputs[output].from
            && let Some(fork) = lines.fork(&edges[range.clone()], findings)
        {
            zips.push(DraftZip { to: End::Output(output), edges: range, fork, how: how.value.clone() });
        }
    }
    zips
}

impl Lines<'_> {
    fn depth(&self, (end, _): Whole) -> usize {
        match end {
            End::Step(step) => self.depth[step],
            End::Input(_) | End::Output(_) => 0,
        }
    }

    fn before(&self, (end, _): Whole) -> Option<Whole> {
        match end {
            End::Step(step) => self.before[step],
            End::Input(_) | End::Output(_) => None,
        }
    }

    /// The nearest rows that both come from.
    fn common(&self, a: Whole, b: Whole) -> Option<Whole> {
        let (mut a, mut b) = (a, b);
        while a != b {
            let (of_a, of_b) = (self.depth(a), self.depth(b));
            if of_a >= of_b {
                a = self.before(a)?;
            }
            if of_b >= of_a {
                b = self.before(b)?;
            }
        }
        Some(a)
    }

    fn fork(&self, branches: &[DraftEdge], findings: &mut Findings) -> Option<Whole> {
        let mut wholes = branches.iter().map(|edge| ((edge.from, edge.door), edge));
        let (first, first_edge) = wholes.next()?;
        let mut fork = first;
        for (whole, edge) in wholes {
            match self.common(fork, whole) {
                Some(common) => fork = common,
                None => {
                    self.refuse(first_edge, edge, findings);
                    return None;
                }
            }
        }
        Some(fork)
    }

    fn refuse(&self, a: &DraftEdge, b: &DraftEdge, findings: &mut Findings) {
        let root = |edge: &DraftEdge| {
            let mut whole = (edge.from, edge.door);
            while let Some(before) = self.before(whole) {
                whole = before;
            }
            whole
        };
        let name = |whole: Whole| self.feed(whole).to_string();
        let (of_a, of_b) = ((a.from, a.door), (b.from, b.door));
        let appends = |(end, _): Whole| matches!(end, End::Step(step) if self.appends[step]);
        let goes_back = |whole: Whole, root: Whole| match (whole == root, appends(root)) {
            (true, true) => format!("`{}` appends rows of several", name(whole)),
            (false, true) => format!("`{}` goes back to `{}`, which appends rows of several", name(whole), name(root)),
            (true, false) => format!("`{}` reads nothing before it", name(whole)),
            (false, false) => format!("`{}` goes back to `{}`", name(whole), name(root)),
        };
        let (root_a, root_b) = (root(a), root(b));
        let message = format!(
            "{} cannot be zipped, since they do not part from the same rows: {}, {}",
            quoted([name(of_a), name(of_b)].iter().map(String::as_str)),
            goes_back(of_a, root_a),
            goes_back(of_b, root_b)
        );
        let help = match [root_a, root_b].into_iter().find(|root| appends(*root)) {
            Some(root) => format!(
                "zip branches that part behind `{0}`, or zip first and append then; to join rows by a column: use = \"join\"",
                name(root)
            ),
            None => "a zip joins branches of one input or step; to join rows by a column: use = \"join\"".to_owned(),
        };
        findings.add_with_help(&b.at, message, help);
    }

    fn feed(&self, (end, door): Whole) -> Feed {
        let node = match end {
            End::Input(nth) => &self.pipeline.inputs[nth].name,
            End::Step(nth) => &self.pipeline.steps[nth].name,
            End::Output(nth) => &self.pipeline.outputs[nth].name,
        };
        Feed { door, ..Feed::node(node) }
    }
}
