//! Plans a pipeline.
