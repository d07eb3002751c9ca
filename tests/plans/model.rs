//! Stages as a model: nodes that send and receive one message at a time in a random order, through channels of any size. No pipeline locks.

use std::collections::{HashMap, HashSet, VecDeque};

use callboard_plan::{Door, Edge, Feed, Kind, Load, Pipeline, Plan, Reader, Source, Stage, Transport};
use proptest::prelude::*;

use crate::random::seeded;
use crate::shelf::Shelf;

/// Where a step reads from: places of steps before it (0 is the input), by which way, and whether by a route.
#[derive(Clone, Debug)]
struct Read {
    from: prop::sample::Index,
    way: usize,
    routed: bool,
}

#[derive(Clone, Debug)]
struct Step {
    global: bool,
    reads: Vec<Read>,
    /// Whether they are zipped rather than appended.
    zips: bool,
    batch: Option<u64>,
}

const WAYS: [&str; 4] = ["", "", ".dropped", ".rejected"];

fn read() -> impl Strategy<Value = Read> {
    (any::<prop::sample::Index>(), 0..WAYS.len(), any::<bool>()).prop_map(|(from, way, routed)| Read {
        from,
        way,
        routed,
    })
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let several = prop_oneof![2 => prop::collection::vec(read(), 1), 3 => prop::collection::vec(read(), 2..4)];
    let step = (prop::bool::weighted(0.15), several, prop::bool::weighted(0.8), prop::option::weighted(0.3, 1..5_u64));
    let step =
        step.prop_map(|(global, reads, zips, batch)| Step { global, zips: zips && reads.len() > 1, reads, batch });
    prop::collection::vec(step, 1..=most)
}

fn text(steps: &[Step]) -> String {
    let mut text = "callboard = 1\nname = \"model\"\n[inputs.docs]\npath = \"docs.jsonl\"\n".to_owned();
    for (nth, step) in steps.iter().enumerate() {
        let from = step.reads.iter().map(|read| {
            let name = match read.from.index(nth + 1) {
                0 => "docs".to_owned(),
                before => format!("s{}{}", before - 1, WAYS[read.way]),
            };
            if read.routed { format!("{{ step = {name:?}, where = \"n > 0\" }}") } else { format!("{name:?}") }
        });
        let from = from.collect::<Vec<_>>().join(", ");
        let from = if step.zips && !step.global {
            format!("{{ zip = {{ {} }} }}", branches(&from))
        } else {
            format!("[{from}]")
        };
        let uses = if step.global { "global" } else { "transform" };
        text += &format!("[[steps]]\nname = \"s{nth}\"\nuse = \"{uses}\"\nfrom = {from}\non_error = \"reject\"\n");
        if let (Some(rows), false) = (step.batch, step.global) {
            text += &format!("batch = {{ rows = {rows} }}\n");
        }
    }
    for nth in 0..steps.len() {
        text += &format!("[outputs.o{nth}]\npath = \"o{nth}.jsonl\"\nfrom = \"s{nth}\"\n");
    }
    text += "[outputs.all]\npath = \"all.jsonl\"\nfrom = \"docs\"\n";
    text
}

/// A comma that parts tables is not one within them.
fn branches(from: &str) -> String {
    let (mut depth, mut nth, mut out) = (0, 0, "b0 = ".to_owned());
    for character in from.chars() {
        depth += match character {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        out.push(character);
        if character == ',' && depth == 0 {
            nth += 1;
            out += &format!(" b{nth} = ");
        }
    }
    out
}

fn planned(steps: &[Step], load: Load) -> Option<Plan> {
    let text = text(steps);
    let pipeline = match Pipeline::parse(Source::new("model.toml", text.clone()), &[]) {
        Ok(pipeline) => pipeline,
        Err(problems) => {
            let fine =
                |message: &str| message.contains("a zip names") || message.contains("is an input, of which no row");
            assert!(problems.problems.iter().all(|problem| fine(&problem.message)), "{problems}\n{text}");
            return None;
        }
    };
    let mut shelf = Shelf::standard();
    shelf.add("global", Kind::Global);
    shelf.add("transform", Kind::Transform);
    match Plan::new(&pipeline, &shelf.catalog(&pipeline), load) {
        Ok(plan) => Some(plan),
        Err(problems) => {
            let fine = |message: &str| message.contains("cannot be zipped");
            assert!(problems.problems.iter().all(|problem| fine(&problem.message)), "{problems}\n{text}");
            None
        }
    }
}

/// A batch, or a part of one; `None` at the end.
type Message = Option<Part>;

#[derive(Clone, Copy, Debug)]
struct Part {
    rows: u32,
    more: bool,
}

/// What a node does next.
enum Act {
    Send(usize, Message),
    Seal(Feed),
}

struct Outlet {
    channels: Vec<usize>,
    spills: bool,
    in_step: bool,
    fork: bool,
    branches: Vec<Feed>,
}

enum Supply {
    Channel(usize),
    Spill(Feed),
}

enum What {
    /// An input, with batches left.
    Input(u32),
    Transform,
    Global,
    Output,
}

struct Node {
    name: String,
    what: What,
    supplies: VecDeque<Supply>,
    zips: bool,
    /// Frames of the spill in front that were read.
    frame: usize,
    /// Of a zip in step: for each branch the rows of its batches that are whole, those of the next one, and whether it has ended.
    arriving: Vec<(VecDeque<u32>, u32, bool)>,
    /// Rows that wait until a batch is full: its size, and whether those of each batch are cut by themselves.
    recut: Option<(u32, bool)>,
    waiting: u32,
    acts: VecDeque<Act>,
    done: bool,
}

struct Model<'a> {
    plan: &'a Plan,
    in_step: HashSet<Feed>,
    room: usize,
    channels: Vec<VecDeque<Message>>,
    outlets: HashMap<Feed, Outlet>,
    /// Frames of each spill, and whether it is sealed.
    spills: HashMap<Feed, (Vec<u32>, bool)>,
    chance: u64,
}

impl Model<'_> {
    fn random(&mut self, below: u32) -> u32 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.chance >> 33) % u64::from(below)) as u32
    }

    fn stage(&mut self, stage: &Stage) {
        self.channels.clear();
        self.outlets.clear();
        let plan = self.plan;
        let mut feeds: Vec<Feed> = Vec::new();
        for node in stage.intakes.iter().chain(&stage.inputs).chain(&stage.steps) {
            feeds.push(Feed::node(node));
            feeds.extend(plan.doors_of(node).into_iter().map(|door| Feed::door(node, door)));
        }
        let forks: HashSet<&Feed> = plan.zips().map(|(_, zip)| &zip.fork).collect();
        for whole in feeds {
            let branches: Vec<Feed> = plan.routes_of(&whole).into_iter().map(|(feed, _)| feed.clone()).collect();
            for feed in branches.iter().chain([&whole]) {
                let outlet = Outlet {
                    channels: Vec::new(),
                    spills: plan.edges_out_of(feed).any(|edge| edge.transport == Transport::Spill),
                    in_step: self.in_step.contains(feed),
                    fork: forks.contains(feed),
                    branches: if *feed == whole { branches.clone() } else { Vec::new() },
                };
                self.outlets.insert(feed.clone(), outlet);
            }
        }
        let mut nodes = Vec::new();
        for name in &stage.intakes {
            let input = self.node(name, What::Input(3), &[]);
            self.run(vec![input]);
        }
        for name in &stage.inputs {
            let batches = self.random(12);
            let node = self.node(name, What::Input(batches), &[]);
            nodes.push(node);
        }
        for name in &stage.steps {
            let edges: Vec<Edge> = plan.edges_into(name).cloned().collect();
            let what = if plan.step(name).unwrap().kind == Kind::Global { What::Global } else { What::Transform };
            let node = self.node(name, what, &edges);
            nodes.push(node);
        }
        for name in &stage.outputs {
            let edges: Vec<Edge> = plan.edges_into_output(name).cloned().collect();
            let node = self.node(name, What::Output, &edges);
            nodes.push(node);
        }
        self.run(nodes);
    }

    fn node(&mut self, name: &str, what: What, edges: &[Edge]) -> Node {
        let supply = |edge: &Edge| match edge.transport {
            Transport::Spill => Supply::Spill(edge.from.clone()),
            Transport::Channel => {
                self.channels.push(VecDeque::new());
                let outlet = self.outlets.get_mut(&edge.from).expect("a channel lies within a stage");
                outlet.channels.push(self.channels.len() - 1);
                Supply::Channel(self.channels.len() - 1)
            }
        };
        let supplies: VecDeque<Supply> = edges.iter().map(supply).collect();
        let reader = edges.first().map(|edge| &edge.to);
        let zips = reader.is_some_and(|reader| self.plan.zip_of(reader).is_some());
        let step = self.plan.step(name).filter(|_| !matches!(what, What::Output));
        let odd = |edge: &Edge| self.plan.step(&edge.from.node).is_some_and(|step| step.batch.is_some());
        let recuts = step.is_some_and(|step| step.kind == Kind::Transform)
            && (step.is_some_and(|step| step.batch.is_some()) || !zips && edges.iter().any(odd));
        let own = step.and_then(|step| step.batch).map_or(3, |batch| batch.rows as u32);
        let mut feeds = Door::ALL.map(|door| Feed::door(name, door)).into_iter().chain([Feed::node(name)]);
        let in_step = feeds.any(|feed| self.in_step.contains(&feed));
        Node {
            name: name.to_owned(),
            what,
            supplies,
            zips,
            frame: 0,
            arriving: vec![(VecDeque::new(), 0, false); edges.len()],
            recut: recuts.then_some((own, in_step)),
            waiting: 0,
            acts: VecDeque::new(),
            done: false,
        }
    }

    /// Lets nodes act in a random order until all are done.
    fn run(&mut self, mut nodes: Vec<Node>) {
        while nodes.iter().any(|node| !node.done || !node.acts.is_empty()) {
            let first = self.random(nodes.len() as u32) as usize;
            let acted = (0..nodes.len()).any(|nth| {
                let at = (first + nth) % nodes.len();
                self.act(&mut nodes[at])
            });
            if !acted {
                let waiting: Vec<&str> =
                    nodes.iter().filter(|node| !node.done).map(|node| node.name.as_str()).collect();
                panic!("{waiting:?} wait for each other, with channels of {}", self.room);
            }
        }
    }

    /// One thing that the node does, unless it has to wait.
    fn act(&mut self, node: &mut Node) -> bool {
        match node.acts.pop_front() {
            Some(Act::Send(channel, message)) => {
                if self.channels[channel].len() >= self.room {
                    node.acts.push_front(Act::Send(channel, message));
                    return false;
                }
                self.channels[channel].push_back(message);
                true
            }
            Some(Act::Seal(feed)) => {
                self.spills.entry(feed).or_default().1 = true;
                true
            }
            None if node.done => false,
            None => self.advance(node),
        }
    }

    fn advance(&mut self, node: &mut Node) -> bool {
        match node.what {
            What::Input(0) => self.end(node),
            What::Input(left) => {
                node.what = What::Input(left - 1);
                let rows = 1 + self.random(4);
                self.put_out(node, Feed::node(&node.name.clone()), Part { rows, more: false });
            }
            What::Global => {
                let sealed = |feed: &Feed| self.spills.get(feed).is_some_and(|(_, sealed)| *sealed);
                if !node.supplies.iter().all(|supply| matches!(supply, Supply::Spill(feed) if sealed(feed))) {
                    return false;
                }
                for _ in 0..self.random(8) {
                    let rows = 1 + self.random(3);
                    self.put_out_everywhere(node, Part { rows, more: false });
                }
                self.end(node);
            }
            What::Transform | What::Output => {
                let Some(message) = self.receive(node) else { return false };
                match (message, node.recut) {
                    (Received::Nothing, _) => {}
                    (Received::Part(part), None) => self.process(node, part),
                    (Received::Part(Part { rows, more }), Some((size, in_step))) => {
                        node.waiting += rows;
                        let mut ended = false;
                        while node.waiting >= size {
                            node.waiting -= size;
                            let last = in_step && !more && node.waiting == 0;
                            ended |= last;
                            self.process(node, Part { rows: size, more: in_step && !last });
                        }
                        if in_step && !more && !ended {
                            let rows = std::mem::take(&mut node.waiting);
                            self.process(node, Part { rows, more: false });
                        }
                    }
                    (Received::End, _) => {
                        let rows = std::mem::take(&mut node.waiting);
                        if rows > 0 {
                            self.process(node, Part { rows, more: false });
                        }
                        self.end(node);
                    }
                }
            }
        }
        true
    }

    fn process(&mut self, node: &mut Node, part: Part) {
        if !matches!(node.what, What::Output) {
            self.put_out_everywhere(node, part);
        }
    }

    /// What a step does with a batch: rows by its doors, then the rest.
    fn put_out_everywhere(&mut self, node: &mut Node, Part { rows, more }: Part) {
        let mut left = rows;
        for door in self.plan.doors_of(&node.name) {
            let feed = Feed::door(&node.name, door);
            let gone = self.random(left + 1);
            left -= gone;
            let in_step = self.outlets[&feed].in_step;
            if gone > 0 {
                self.put_out(node, feed.clone(), Part { rows: gone, more: in_step });
            }
            if in_step {
                self.put_out(node, feed, Part { rows: 0, more });
            }
        }
        let kept = if left == 0 { 0 } else { self.random(left + 1) };
        self.put_out(node, Feed::node(&node.name.clone()), Part { rows: kept, more });
    }

    fn put_out(&mut self, node: &mut Node, feed: Feed, part: Part) {
        let Outlet { channels, spills, in_step, fork, branches } = &self.outlets[&feed];
        let (channels, spills, in_step, branches) = (channels.clone(), *spills, *in_step, branches.clone());
        if part.rows == 0 && (!in_step || part.more) {
            return;
        }
        let more = part.more && (!*fork || in_step || part.rows == 0);
        let part = Part { more, ..part };
        if spills && part.rows > 0 {
            self.spills.entry(feed).or_default().0.push(part.rows);
        }
        for branch in branches {
            let rows = if part.rows == 0 { 0 } else { self.random(part.rows + 1) };
            self.put_out(node, branch, Part { rows, ..part });
        }
        node.acts.extend(channels.into_iter().map(|channel| Act::Send(channel, Some(part))));
    }

    fn end(&mut self, node: &mut Node) {
        node.done = true;
        if matches!(node.what, What::Output) {
            return;
        }
        let doors = self.plan.doors_of(&node.name).into_iter().map(|door| Feed::door(&node.name, door));
        for whole in doors.chain([Feed::node(&node.name)]) {
            let branches = self.outlets[&whole].branches.clone();
            for feed in branches.into_iter().chain([whole]) {
                let outlet = &self.outlets[&feed];
                let channels = outlet.channels.clone();
                if outlet.spills {
                    node.acts.push_back(Act::Seal(feed));
                }
                node.acts.extend(channels.into_iter().map(|channel| Act::Send(channel, None)));
            }
        }
    }

    /// `None` if the node has to wait.
    fn receive(&mut self, node: &mut Node) -> Option<Received> {
        if node.zips {
            return self.receive_zipped(node);
        }
        match node.supplies.front() {
            None => Some(Received::End),
            Some(Supply::Channel(channel)) => match self.channels[*channel].pop_front()? {
                Some(part) => Some(Received::Part(part)),
                None => {
                    node.supplies.pop_front();
                    Some(Received::Nothing)
                }
            },
            Some(Supply::Spill(feed)) => {
                let (frames, sealed) = self.spills.get(feed)?;
                if !sealed {
                    return None;
                }
                match frames.get(node.frame) {
                    Some(rows) => {
                        node.frame += 1;
                        Some(Received::Part(Part { rows: *rows, more: false }))
                    }
                    None => {
                        node.supplies.pop_front();
                        node.frame = 0;
                        Some(Received::Nothing)
                    }
                }
            }
        }
    }

    fn receive_zipped(&mut self, node: &mut Node) -> Option<Received> {
        if let Some(Supply::Spill(_)) = node.supplies.front() {
            let sealed = |feed: &Feed| self.spills.get(feed).is_some_and(|(_, sealed)| *sealed);
            if !node.supplies.iter().all(|supply| matches!(supply, Supply::Spill(feed) if sealed(feed))) {
                return None;
            }
            // Any number of batches.
            if self.random(3) == 0 {
                return Some(Received::End);
            }
            let rows = 1 + self.random(3);
            return Some(Received::Part(Part { rows, more: false }));
        }
        if node.arriving.iter().any(|(whole, ..)| whole.is_empty()) {
            if node.arriving.iter().all(|(.., ended)| *ended) {
                assert!(node.arriving.iter().all(|(whole, ..)| whole.is_empty()), "branches do not end together");
                return Some(Received::End);
            }
            // All branches come in one channel: here any that has something.
            let first = self.random(node.supplies.len() as u32) as usize;
            let (branch, message) = (0..node.supplies.len()).find_map(|nth| {
                let branch = (first + nth) % node.supplies.len();
                let Supply::Channel(channel) = &node.supplies[branch] else {
                    panic!("one branch is a spill, another is not")
                };
                Some((branch, self.channels[*channel].pop_front()?))
            })?;
            let (whole, rows, ended) = &mut node.arriving[branch];
            match message {
                None => *ended = true,
                Some(part) => {
                    *rows += part.rows;
                    if !part.more {
                        whole.push_back(std::mem::take(rows));
                    }
                }
            }
            return Some(Received::Nothing);
        }
        let any = node.arriving.iter_mut().filter_map(|(whole, ..)| whole.pop_front()).sum::<u32>() > 0;
        let rows = if any { 1 + self.random(4) } else { 0 };
        // In one or two parts.
        if rows > 1 && self.random(2) == 0 {
            self.process(node, Part { rows: 1, more: true });
            return Some(Received::Part(Part { rows: rows - 1, more: false }));
        }
        Some(Received::Part(Part { rows, more: false }))
    }
}

enum Received {
    /// A step on the way to a batch.
    Nothing,
    Part(Part),
    End,
}

/// The rows that those of a feed come from, the nearest first: by the edges alone.
fn chain(plan: &Plan, feed: &Feed) -> Vec<Feed> {
    let mut chain = vec![feed.whole()];
    let edges: Vec<&Edge> = plan.edges_into(&feed.node).collect();
    let zip = plan.zip_of(&Reader::Step(feed.node.clone()));
    match (zip, &edges[..]) {
        (Some(_), edges) => {
            let chains: Vec<Vec<Feed>> = edges.iter().map(|edge| self::chain(plan, &edge.from)).collect();
            let fork = chains[0].iter().position(|feed| chains.iter().all(|chain| chain.contains(feed))).unwrap();
            chain.extend(chains[0][fork..].iter().cloned());
        }
        (None, [edge]) => chain.extend(self::chain(plan, &edge.from)),
        _ => {}
    }
    chain
}

proptest! {
    #![proptest_config(seeded(500))]

    #[test]
    fn no_pipeline_of_eight_nodes_locks(steps in steps(8), room in 1..5_usize, chance in any::<u64>(), alone in prop::bool::weighted(0.1)) {
        let load = if alone { Load::Step } else { Load::Staged };
        let Some(plan) = planned(&steps, load) else { return Ok(()) };
        let in_step = plan.arriving_in_step();
        let (channels, outlets, spills) = (Vec::new(), HashMap::new(), HashMap::new());
        let mut model = Model { plan: &plan, in_step, room, channels, outlets, spills, chance };
        for stage in plan.stages() {
            model.stage(stage);
        }
    }

    #[test]
    fn zips_part_where_rows_part_and_cost_no_stage(steps in steps(12)) {
        let Some(plan) = planned(&steps, Load::Staged) else { return Ok(()) };
        plan.verify().unwrap();
        for (reader, zip) in plan.zips() {
            let into = |edge: &&Edge| edge.to == reader;
            let edges: Vec<&Edge> = plan.edges().iter().filter(into).collect();
            let chains: Vec<Vec<Feed>> = edges.iter().map(|edge| chain(&plan, &edge.from)).collect();
            let fork = chains[0].iter().find(|feed| chains.iter().all(|chain| chain.contains(feed)));
            prop_assert_eq!(Some(&zip.fork), fork);
            // All of them wait in channels, or none.
            prop_assert!(edges.iter().all(|edge| edge.transport == edges[0].transport));
            // In channels only if everything between is a transform of this stage.
            let stage = plan.stage_of_reader(&reader).unwrap();
            let all_here = chains.iter().all(|chain| {
                chain.iter().take_while(|feed| *feed != &zip.fork).all(|feed| {
                    plan.step(&feed.node).is_some_and(|step| step.stage == stage && step.kind == Kind::Transform)
                })
            });
            if edges[0].transport == Transport::Channel {
                prop_assert!(all_here);
            }
        }
        // The longest path, where an edge of a global step counts 1 and any other 0, zip or not.
        let mut depth: Vec<usize> = Vec::new();
        for (nth, step) in steps.iter().enumerate() {
            let part = |read: &Read| match read.from.index(nth + 1) {
                0 => 1,
                before => depth[before - 1] + usize::from(step.global || steps[before - 1].global),
            };
            depth.push(step.reads.iter().map(part).max().unwrap_or(1));
        }
        prop_assert_eq!(plan.stages().len(), depth.into_iter().max().unwrap_or(1));
        let json = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(Plan::from_json(&json).unwrap(), plan);
    }
}
