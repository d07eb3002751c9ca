//! Vectors and their products.

use super::*;

#[test]
fn the_product_of_vectors_of_length_1_is_their_cosine() {
    let mut a: Vec<f32> = (0..37).map(|n| (n as f32 * 0.7).sin()).collect();
    let mut b: Vec<f32> = (0..37).map(|n| (n as f32 * 0.3).cos()).collect();
    let exact = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let expected = exact(&a, &b) / (exact(&a, &a) * exact(&b, &b)).sqrt();
    assert!(vectors::unit(&mut a) && vectors::unit(&mut b));
    assert!((f64::from(dot(&a, &b)) - expected).abs() < 1e-6);
    assert!((f64::from(dot(&a, &a)) - 1.0).abs() < 1e-6);
}

#[test]
fn what_has_no_direction_has_no_length() {
    for mut vector in [vec![], vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
        assert!(!vectors::unit(&mut vector), "{vector:?}");
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_their_place() {
    let at = |config: Config| config.clustering().map(|_| ()).unwrap_err().at;
    assert_eq!(at(Config { threshold: 0.0, ..Config::default() }).as_deref(), Some("/threshold"));
    assert_eq!(at(Config { threshold: 1.1, ..Config::default() }).as_deref(), Some("/threshold"));
    assert_eq!(at(Config { clusters: NonZero::new(70_000), ..Config::default() }).as_deref(), Some("/clusters"));
}
