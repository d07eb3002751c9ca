//! Things measured in turn, so that whatever the machine does meanwhile is done to all of them.
//!
//! Why not criterion or divan: they measure one function to its end and then the next, each with its own spread. Here a pair is
//! what is wanted, and its ratio: both sides of a round are neighbours in time, and the figure is the median of the rounds' ratios.

use crate::Result;

/// What is measured: a name, and what measures it once.
pub type Side<'a> = (&'a str, Box<dyn FnMut() -> Result<f64> + 'a>);

/// Measures each side once a round, in one order and then in the other. What a first time costs is paid before and not counted.
///
/// # Errors
///
/// The first side that fails, by its name.
pub fn in_turn(rounds: usize, sides: &mut [Side<'_>]) -> Result<Vec<Vec<f64>>> {
    measured(0, rounds, sides)
}

/// As [`in_turn`], where every round counts: for what takes so long that a first time does not matter.
///
/// # Errors
///
/// The first side that fails, by its name.
pub fn in_turn_at_once(rounds: usize, sides: &mut [Side<'_>]) -> Result<Vec<Vec<f64>>> {
    measured(1, rounds, sides)
}

/// Rounds from `first` to the last; round 0 does not count.
fn measured(first: usize, rounds: usize, sides: &mut [Side<'_>]) -> Result<Vec<Vec<f64>>> {
    let mut values = vec![Vec::with_capacity(rounds); sides.len()];
    for round in first..=rounds {
        let mut order: Vec<usize> = (0..sides.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for side in order {
            let (name, measure) = &mut sides[side];
            let value = measure().map_err(|error| format!("{name}: {error}"))?;
            if round > 0 {
                values[side].push(value);
            }
        }
    }
    Ok(values)
}

/// Makes one value of many calls: calls `once`, which gives the seconds that one took, until they come to `seconds`; the mean.
///
/// # Errors
///
/// What the call says.
pub fn averaged(seconds: f64, mut once: impl FnMut() -> Result<f64>) -> Result<f64> {
    let (mut sum, mut calls) = (0.0, 0);
    while sum < seconds || calls == 0 {
        sum += once()?;
        calls += 1;
    }
    Ok(sum / f64::from(calls))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn sides_alternate_and_the_first_round_does_not_count() {
        let order = RefCell::new(String::new());
        let side = |name: char| -> Side<'_> {
            let order = &order;
            (
                "",
                Box::new(move || {
                    order.borrow_mut().push(name);
                    Ok(order.borrow().len() as f64)
                }),
            )
        };
        let values = in_turn(2, &mut [side('a'), side('b')]).unwrap();
        assert_eq!(*order.borrow(), "abbaab");
        assert_eq!(values, [[4.0, 5.0], [3.0, 6.0]]);
        order.borrow_mut().clear();
        let values = in_turn_at_once(2, &mut [side('a'), side('b')]).unwrap();
        assert_eq!((order.borrow().as_str(), values), ("baab", vec![vec![2.0, 3.0], vec![1.0, 4.0]]));
    }

    #[test]
    fn a_mean_of_as_many_calls_as_it_takes() {
        let mut calls = 0;
        let mean = averaged(1.0, || {
            calls += 1;
            Ok(0.3)
        });
        assert!((mean.unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(calls, 4);
    }
}
