//! The plan as a drawing: SVG without scripts, styles from elsewhere or fonts of its own, so that it opens anywhere and can lie beside a page.
//!
//! Stages are bands from top to bottom, steps are boxes in them, and edges lead down. What is too long for its box is cut, and whole in
//! the title that a browser shows over it.

mod labels;
mod layout;

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::choices::Transport;
use crate::explain::title;
use crate::plan::{Edge, Plan, Reader};
use crate::scan::Kind;
use callboard_words::text::acts;
use labels::{Hop, Labels};
use layout::{Layout, layout};

/// A line of text is about this high, and a character about this wide.
const LINE: f64 = 15.0;
const CHARACTER: f64 = 6.7;
/// One of a name, which is bold.
const BOLD: f64 = 7.6;
/// A box.
const HEIGHT: f64 = 40.0;
const LEAST: f64 = 72.0;
/// One of a label.
const SMALL: f64 = 6.2;
/// Between two ranks, and around what is in a stage.
const BETWEEN: f64 = 44.0;
const MARGIN: f64 = 20.0;
/// The title of a stage; what a stage has below its last boxes; and what is between two stages beyond what is between two ranks: room for
/// labels above and below the title.
const HEAD: f64 = 26.0;
const FOOT: f64 = 18.0;
const APART: f64 = 34.0;
/// The most characters of a name, of a second line, of a label and of a stage's title.
const NAME: usize = 32;
const DETAIL: usize = 30;
const LABEL: usize = 24;
const TITLE: usize = 110;
/// The baseline of a title, below the top of its stage.
const BASE: f64 = 18.0;

/// A box and what is in it.
struct Node<'a> {
    name: &'a str,
    detail: String,
    look: Look,
    /// From 0.
    stage: usize,
}

#[derive(Clone, Copy)]
enum Look {
    Input,
    Step,
    Global,
    Output,
}

/// The plan as an SVG drawing.
pub fn svg(plan: &Plan) -> String {
    svg_with(plan, |_| None)
}

/// The plan as an SVG drawing, with something to say about edges: it stands on them, before what they say themselves.
pub fn svg_with(plan: &Plan, said: impl Fn(&Edge) -> Option<String>) -> String {
    let nodes = nodes(plan);
    let mut places: HashMap<(&str, bool), usize> = HashMap::new();
    for (nth, node) in nodes.iter().enumerate() {
        places.insert((node.name, matches!(node.look, Look::Output)), nth);
    }
    let place = |edge: &Edge| {
        let to = (edge.to.name(), matches!(edge.to, Reader::Output(_)));
        // A verified plan has both.
        Some((*places.get(&(edge.from.node.as_str(), false))?, *places.get(&to)?))
    };
    let edges: Vec<(&Edge, (usize, usize))> = plan.edges.iter().filter_map(|edge| Some((edge, place(edge)?))).collect();
    let widths: Vec<(f64, usize)> = nodes.iter().map(|node| (node.width(), node.stage)).collect();
    let ends: Vec<(usize, usize)> = edges.iter().map(|(_, ends)| *ends).collect();
    let drawing = Drawing { plan, nodes: &nodes, layout: layout(&widths, &ends, plan.stages.len()) };
    drawing.draw(&edges, &said)
}

/// In an order in which each comes after what it reads.
fn nodes(plan: &Plan) -> Vec<Node<'_>> {
    let stage = |stage: usize| stage.saturating_sub(1);
    let inputs = plan.inputs.iter().map(|input| Node {
        name: &input.name,
        detail: input.paths.join(", "),
        look: Look::Input,
        stage: stage(input.stage),
    });
    let by_name: HashMap<&str, &crate::plan::PlannedStep> =
        plan.steps.iter().map(|step| (step.name.as_str(), step)).collect();
    let order =
        plan.stages.iter().flat_map(|stage| &stage.steps).filter_map(|name| by_name.get(name.as_str()).copied());
    let steps = order.map(|step| {
        let many = if step.replicas > 1 { format!(" × {}", step.replicas) } else { String::new() };
        let uses = if step.uses == step.name { step.kind.as_str() } else { step.uses.as_str() };
        let look = if step.kind == Kind::Global { Look::Global } else { Look::Step };
        Node { name: &step.name, detail: format!("{uses}{many}"), look, stage: stage(step.stage) }
    });
    let outputs = plan.outputs.iter().map(|output| Node {
        name: &output.name,
        detail: output.path.clone(),
        look: Look::Output,
        stage: stage(output.stage),
    });
    inputs.chain(steps).chain(outputs).collect()
}

impl Node<'_> {
    fn width(&self) -> f64 {
        let (name, detail) = (self.name.chars().count().min(NAME), self.detail.chars().count().min(DETAIL));
        ((name as f64 * BOLD).max(detail as f64 * CHARACTER) + 24.0).max(LEAST)
    }
}

struct Drawing<'a> {
    plan: &'a Plan,
    nodes: &'a [Node<'a>],
    layout: Layout,
}

impl Drawing<'_> {
    fn draw(&self, edges: &[(&Edge, (usize, usize))], said: &dyn Fn(&Edge) -> Option<String>) -> String {
        let titles: Vec<String> = self.plan.stages.iter().map(|stage| title(stage, self.plan)).collect();
        let longest = titles.iter().map(|title| title.chars().count()).max().unwrap_or_default().min(TITLE);
        let room = (longest as f64 * CHARACTER).max(self.layout.width);
        let (width, height) = (room + 4.0 * MARGIN, self.bottom() + MARGIN);
        let mut out = String::new();
        // Writing to a string does not fail.
        _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             role=\"img\" font-family=\"ui-sans-serif, system-ui, Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#1f2328\">"
        );
        _ = writeln!(out, "<title>{}</title>", escaped(&self.plan.name));
        out.push_str(
            "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
             <path class=\"head\" d=\"M0 0 L8 4 L0 8 z\" fill=\"#57606a\"/></marker></defs>\n",
        );
        _ = writeln!(out, "<rect class=\"ground\" width=\"{width:.0}\" height=\"{height:.0}\" fill=\"#ffffff\"/>");
        for nth in 0..titles.len() {
            let (top, bottom) = self.band(nth);
            _ = writeln!(
                out,
                "<rect class=\"stage\" x=\"{MARGIN}\" y=\"{top:.0}\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\" fill=\"#f6f8fa\" stroke=\"#d0d7de\"/>",
                width - 2.0 * MARGIN,
                bottom - top
            );
        }
        let shift = (width - self.layout.width) / 2.0;
        let (mut out_of, mut into) = (vec![0; self.nodes.len()], vec![0; self.nodes.len()]);
        for (_, (from, to)) in edges {
            out_of[*from] += 1;
            into[*to] += 1;
        }
        let mut labels = Labels::default();
        for (nth, title) in titles.iter().enumerate() {
            let below = self.layout.stages[nth].start.saturating_sub(1);
            let width = title.chars().count().min(TITLE) as f64 * CHARACTER;
            labels.add(below, 2.0 * MARGIN, self.band(nth).0 + BASE, width);
        }
        // Labels and titles stand on all lines.
        let mut texts = String::new();
        for ((edge, (from, to)), path) in edges.iter().zip(&self.layout.paths) {
            let hops = self.hops(path, shift);
            let label = label(edge, said(edge));
            self.edge(&mut out, edge, &label, &hops);
            // A label stands where fewer others do.
            let at_end = out_of[*from] >= into[*to];
            let hop = if at_end { hops.last() } else { hops.first() };
            if let (Some(hop), false) = (hop, label.is_empty()) {
                let (x, y) = labels.place(*hop, label.chars().count().min(LABEL) as f64 * SMALL + 4.0, at_end);
                let of = format!(" class=\"halo\" font-size=\"11\"{}", halo(3));
                _ = writeln!(texts, "{}", text(x, y, "middle", &label, LABEL, &of));
            }
        }
        for (nth, title) in titles.iter().enumerate() {
            let of = format!(" class=\"quiet halo\" fill=\"#57606a\"{}", halo(8));
            _ = writeln!(texts, "{}", text(2.0 * MARGIN, self.band(nth).0 + BASE, "start", title, TITLE, &of));
        }
        out.push_str(&texts);
        for (nth, node) in self.nodes.iter().enumerate() {
            self.node(&mut out, node, nth, shift);
        }
        out.push_str("</svg>\n");
        out
    }

    /// The top and the bottom of a stage's band.
    fn band(&self, stage: usize) -> (f64, f64) {
        let ranks = &self.layout.stages[stage];
        // Nothing leads to the first boxes of the first stage.
        let above = if stage == 0 { 6.0 } else { APART + BETWEEN - FOOT - 10.0 - HEAD };
        (self.top_of_rank(ranks.start) - HEAD - above, self.top_of_rank(ranks.end.max(1) - 1) + HEIGHT + FOOT)
    }

    fn bottom(&self) -> f64 {
        self.band(self.layout.stages.len().saturating_sub(1)).1
    }

    /// Where the boxes of a rank begin.
    fn top_of_rank(&self, rank: usize) -> f64 {
        let stage = self.layout.stages.partition_point(|ranks| ranks.end <= rank);
        MARGIN + HEAD + 6.0 + rank as f64 * (HEIGHT + BETWEEN) + stage as f64 * APART
    }

    fn node(&self, out: &mut String, node: &Node<'_>, nth: usize, shift: f64) {
        let spot = &self.layout.spots[nth];
        let (x, y, width) = (spot.x - spot.width / 2.0 + shift, self.top_of_rank(spot.rank), spot.width);
        let (class, fill, stroke, radius) = match node.look {
            Look::Input => ("input", "#ddf4ff", "#54aeff", 18),
            Look::Step => ("step", "#ffffff", "#8c959f", 5),
            Look::Global => ("global", "#fff8c5", "#bf8700", 0),
            Look::Output => ("output", "#dafbe1", "#4ac26b", 18),
        };
        _ = writeln!(
            out,
            "<g><title>{}: {}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"{radius}\" fill=\"{fill}\" \
             stroke=\"{stroke}\" stroke-width=\"{}\"/>",
            escaped(node.name),
            escaped(&node.detail),
            if matches!(node.look, Look::Global) { 2 } else { 1 }
        );
        let middle = spot.x + shift;
        _ = writeln!(out, "{}", text(middle, y + 17.0, "middle", node.name, NAME, " font-weight=\"600\""));
        let detail = text(
            middle,
            y + 17.0 + LINE,
            "middle",
            &node.detail,
            DETAIL,
            " class=\"quiet\" font-size=\"11\" fill=\"#57606a\"",
        );
        _ = writeln!(out, "{detail}</g>");
    }

    /// From below one box, or from the end of a bend, to above the next, or to the beginning of a bend.
    fn hops(&self, path: &[usize], shift: f64) -> Vec<Hop> {
        let x = |spot: usize| self.layout.spots[spot].x + shift;
        let top = |spot: usize| self.top_of_rank(self.layout.spots[spot].rank);
        let hop = |two: &[usize]| Hop {
            from: (x(two[0]), top(two[0]) + HEIGHT),
            to: (x(two[1]), top(two[1])),
            rank: self.layout.spots[two[0]].rank,
        };
        path.windows(2).map(hop).collect()
    }

    fn edge(&self, out: &mut String, edge: &Edge, label: &str, hops: &[Hop]) {
        let mut line = String::new();
        for (nth, hop) in hops.iter().enumerate() {
            let to = if nth == 0 { "M" } else { " L" };
            _ = write!(line, "{to}{:.1} {:.1}{}", hop.from.0, hop.from.1, hop.drawn());
        }
        let dashes = if edge.transport == Transport::Spill { " stroke-dasharray=\"5 4\"" } else { "" };
        let spill = if edge.transport == Transport::Spill { ", in a file" } else { "" };
        let shown = if label.is_empty() { String::new() } else { format!(" ({label})") };
        let whole = format!("{} → {}{shown}{spill}", edge.from.whole(), edge.to);
        _ = writeln!(
            out,
            "<path class=\"edge\" d=\"{line}\" fill=\"none\" stroke=\"#57606a\"{dashes} marker-end=\"url(#arrow)\"><title>{}</title></path>",
            escaped(&whole)
        );
    }
}

/// Around a text that stands on lines.
fn halo(width: u32) -> String {
    format!(" stroke=\"#f6f8fa\" stroke-width=\"{width}\" stroke-linejoin=\"round\" paint-order=\"stroke\"")
}

/// By which door, by which route, into which port and after which others; and the figure that goes with it.
fn label(edge: &Edge, said: Option<String>) -> String {
    let door = edge.from.door.map(|door| door.as_str().to_owned());
    let route = edge.route.as_ref().map(ToString::to_string);
    let nth = (edge.position > 0).then(|| ordinal(edge.position + 1));
    let own = [nth, door, route, edge.port.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    match said {
        None => own,
        Some(said) if own.is_empty() => said,
        // What is cut is the end of it.
        Some(said) => {
            let room = LABEL.saturating_sub(said.chars().count() + 2).max(4);
            format!("{}: {said}", cut(&own, room))
        }
    }
}

/// `2nd`, `11th`, `23rd`.
fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// A line of text, cut to a number of characters.
fn text(x: f64, y: f64, anchor: &str, of: &str, most: usize, more: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{}</text>", escaped(&cut(of, most)))
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => {
            let end = text.char_indices().nth(most - 1).map_or(text.len(), |(end, _)| end);
            format!("{}…", &text[..end])
        }
        None => text.to_owned(),
    }
}

/// As text of XML: what is markup is written otherwise, and what XML has no place for, or turns a text around, is replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            c if acts(c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}
