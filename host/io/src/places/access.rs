//! How a place is reached, as far as a pipeline says it. No secret is part of it: those are read from the environment when they are needed.

/// How a place is reached: what a pipeline says under `access`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// Without credentials, as anybody can.
    pub anonymous: bool,
    /// Where the service is, instead of where its maker has it: `http://127.0.0.1:9000`.
    pub endpoint: Option<String>,
    /// The region of a bucket.
    pub region: Option<String>,
}
