//! The step that asks a model, in every language: it says the same of the same replies, and sends nothing while it is tested.

use crate::bench::said;
use crate::built::{callboard, in_every_language};

#[test]
fn a_step_that_asks_a_model_says_the_same_in_every_language() {
    in_every_language(|built| {
        let mut test = callboard();
        test.args(["step", "test", &built.step("model")]);
        if let Err(error) = said(&mut test) {
            panic!("{}: {error}", built.language.id);
        }
    });
}
