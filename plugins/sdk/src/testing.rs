//! Runs a step natively, over rows in JSON, as the host would.
