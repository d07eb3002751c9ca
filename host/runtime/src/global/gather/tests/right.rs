//! In every way of bringing rows together, the result is that of a simple implementation, for any sizes of parts and any number of
//! callers.

use callboard_sandbox::Order;
use rand::SeedableRng;

use super::*;

/// The same, written down.
fn expected(inputs: &[Vec<Row>], case: &Case) -> Vec<Vec<i64>> {
    use callboard_sandbox::Gathering as By;
    let key = |row: &Row, column: &str| match column {
        "text" => format!("{:?}", row.text),
        "score" => format!(
            "{:?}",
            row.score.map(|score| if score.is_nan() { f64::NAN.to_bits() } else { (score + 0.0).to_bits() })
        ),
        "items" => format!("{:?}", row.items),
        _ => unreachable!("no such column"),
    };
    let keys = |port: usize, row: &Row| -> Vec<String> {
        match &case.gathered.gathering {
            By::All => vec![String::new()],
            By::ByKey(columns) => vec![columns[port].iter().map(|column| key(row, column) + ";").collect()],
            By::ByEach(_) => {
                let mut seen = BTreeSet::new();
                let items = row.items.iter().flatten().map(|item| format!("{item:?}"));
                items.filter(|item| seen.insert(item.clone())).collect()
            }
        }
    };
    // Groups in the order of their first rows, each with its rows and which item of each that is.
    type Group<'a> = (String, Vec<(&'a Row, usize)>, i64);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (port, rows) in inputs[..case.inputs].iter().enumerate() {
        for row in rows {
            for (item, key) in keys(port, row).into_iter().enumerate() {
                let at = groups.iter().position(|(other, ..)| *other == key).unwrap_or_else(|| {
                    groups.push((key, Vec::new(), 0));
                    groups.len() - 1
                });
                if port == 0 { groups[at].1.push((row, item)) } else { groups[at].2 += 1 }
            }
        }
    }
    let rank = |row: &Row, order: &Order<String>| -> (u8, i128) {
        let score = row.score.map(|score| {
            let bits = if score.is_nan() { f64::NAN } else { score + 0.0 }.to_bits();
            i128::from(if bits >> 63 == 0 { bits | 1 << 63 } else { !bits })
        });
        match (score, order.nulls_first) {
            (None, true) => (0, 0),
            (None, false) => (2, 0),
            (Some(score), _) => (1, if order.descending { -score } else { score }),
        }
    };
    let mut out: Vec<((i64, usize), Vec<i64>)> = Vec::new();
    for (_, rows, others) in &groups {
        let Some(first) = rows.iter().map(|(row, item)| (row.id, *item)).min() else { continue };
        let mut given = rows.clone();
        for order in case.gathered.sorted.first().into_iter().flatten().rev() {
            given.sort_by_key(|(row, _)| rank(row, order));
        }
        let place = |(row, item): &(&Row, usize)| if case.gathered.as_written { first } else { (row.id, *item) };
        match case.act {
            Act::Keep => out.extend(given.iter().map(|at| (place(at), vec![at.0.id]))),
            Act::Twice => out.extend(given.iter().chain(&given[..1]).map(|at| (place(at), vec![at.0.id]))),
            Act::Reasons => out.push((place(&given[0]), vec![given[0].0.id])),
            Act::Count => out.push((place(&given[0]), vec![given[0].0.id, rows.len() as i64, *others])),
            Act::Pairs => out.extend(given.windows(2).map(|pair| (place(&pair[0]), vec![pair[0].0.id, pair[1].0.id]))),
        }
    }
    out.sort_by_key(|(place, _)| *place);
    out.into_iter().map(|(_, row)| row).collect()
}

fn cases() -> Vec<Case> {
    use callboard_sandbox::Gathering as By;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let by_score = |descending, nulls_first| vec![Order { column: "score".to_owned(), descending, nulls_first }];
    let key = |columns: &[&str], inputs: usize| By::ByKey(vec![names(columns); inputs]);
    let mut cases = Vec::new();
    let mut case = |gathering: By<String>, sorted: Vec<Order<String>>, as_written, act, inputs: usize| {
        let sorted = std::iter::once(sorted).chain(std::iter::repeat_n(Vec::new(), inputs - 1)).collect();
        cases.push(Case { gathered: Gathered { gathering, sorted, as_written }, act, inputs });
    };
    for as_written in [false, true] {
        for act in [Act::Keep, Act::Twice, Act::Count, Act::Reasons] {
            case(key(&["text"], 1), vec![], as_written, act, 1);
            case(key(&["score"], 1), vec![], as_written, act, 1);
            case(key(&["items"], 1), vec![], as_written, act, 1);
            case(key(&["text", "score"], 1), vec![], as_written, act, 1);
            case(key(&["text"], 1), by_score(true, false), as_written, act, 1);
            case(key(&["text"], 1), by_score(false, true), as_written, act, 1);
            case(key(&["text"], 2), vec![], as_written, act, 2);
            case(By::All, by_score(false, false), as_written, act, 1);
            case(By::All, by_score(true, true), as_written, act, 1);
        }
        case(key(&["text"], 1), vec![], as_written, Act::Pairs, 1);
        case(By::ByEach(names(&["items"])), vec![], as_written, Act::Pairs, 1);
        case(By::ByEach(names(&["items"])), by_score(true, false), as_written, Act::Pairs, 1);
    }
    cases.retain(|case| !(case.gathered.gathering == By::All && case.act == Act::Pairs));
    cases
}

#[test]
fn any_parts_and_any_callers_put_out_the_same() {
    let mut random = StdRng::seed_from_u64(7);
    let inputs = vec![rows(&mut random), rows(&mut random)];
    for (at, case) in cases().iter().enumerate() {
        let right = expected(&inputs, case);
        assert!(!right.is_empty(), "case {at} has rows");
        let mut doors = None;
        for (sizes, callers) in SIZES {
            let out = Trial::of(&inputs, case, 64 << 20)
                .run(sizes, callers, None, |bound, readers, writer| call(case.act, bound, readers, writer))
                .unwrap();
            let which = format!("case {at} ({:?} {:?}), {sizes:?}", case.gathered, case.act);
            assert_eq!(out.rows, right, "{which}");
            let gone = match case.act {
                Act::Keep | Act::Twice => 0,
                Act::Pairs => ROWS,
                Act::Count | Act::Reasons => ROWS - right.len(),
            };
            let left: Vec<&(i64, String)> = out.doors.iter().flatten().collect();
            assert_eq!(left.len(), gone, "{which}");
            assert!(out.doors.iter().all(|door| door.is_sorted_by_key(|(id, _)| *id)), "{which}: rows leave in order");
            if case.act == Act::Reasons {
                assert!(left.iter().all(|(id, reason)| *reason == fate_of(*id).1), "{which}");
                assert_eq!(out.dropped, left.iter().filter(|(id, _)| fate_of(*id).0 == Fate::Dropped).count() as u64);
            }
            assert_eq!(&out.doors, doors.get_or_insert(out.doors.clone()), "{which}");
        }
    }
}
