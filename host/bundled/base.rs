//! What each bundled step is compressed against, by `cargo xtask guests` and when it is used.

/// The step that shares most with this one: what each has by itself is little, and a chain of them is decompressed in milliseconds.
#[allow(unreachable_pub, reason = "xtask and the build script both have it")]
pub fn base_of(step: &str) -> Option<&'static str> {
    Some(match step {
        "filter" => return None,
        "judge" | "sampler" => "llm",
        "contamination" | "embed" | "normalise" => "dedup-key",
        "compute" => "assert",
        "fasttext" | "select" | "split" => "explode",
        "language-id" | "minhash-sign" => "quality",
        "aggregate" | "semantic-keep" | "sort" => "join",
        "exact-dedup" | "sample" => "sort",
        "minhash-pairs" | "semantic-assign" => "semantic-keep",
        "cluster" => "semantic-assign",
        _ => "filter",
    })
}
