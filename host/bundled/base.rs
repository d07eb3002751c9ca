//! What each bundled step is compressed against, by `cargo xtask guests` and when it is used.

/// The step that shares most with this one: `filter` has the SDK and half of the standard library, as all of them; `llm` has what is common to
/// steps with prompts and models.
#[allow(unreachable_pub, reason = "xtask and the build script both have it")]
pub fn base_of(step: &str) -> Option<&'static str> {
    match step {
        "filter" => None,
        "embed" | "judge" | "sampler" => Some("llm"),
        _ => Some("filter"),
    }
}
