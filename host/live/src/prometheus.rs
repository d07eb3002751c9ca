//! Figures in the text that Prometheus reads.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::figures::{self, Figure};

/// The type of that text.
pub(crate) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text of all figures.
pub(crate) fn text(figures: Vec<Figure>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Given(figures)));
    let mut text = String::new();
    // A text takes whatever is written.
    let _ = encode(&mut text, &registry);
    text
}

struct Given(Vec<Figure>);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Given").field(&self.0.len()).finish()
    }
}

impl Collector for Given {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Figure { name, help, unit, is_sum, values } in &self.0 {
            let name = name.replace('.', "_");
            let unit = match unit {
                figures::Unit::None => None,
                figures::Unit::Bytes => Some(Unit::Bytes),
                figures::Unit::Seconds => Some(Unit::Seconds),
            };
            let kind = if *is_sum { MetricType::Counter } else { MetricType::Gauge };
            let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), kind)?;
            let one = |encoder: MetricEncoder<'_>, value: f64| match is_sum {
                true => ConstCounter::new(value).encode(encoder),
                false => ConstGauge::new(value).encode(encoder),
            };
            for (labels, value) in values {
                one(family.encode_family(labels)?, *value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_s_name_stays_within_its_label() {
        let labels = |name: &str| vec![("server", name.to_owned())];
        let hostile = "a\"} 1\nforged_total 2\\";
        let figure = Figure {
            name: "callboard.server.requests",
            help: "Requests",
            unit: figures::Unit::None,
            is_sum: true,
            values: vec![(labels(hostile), 3.0), (labels("b"), 0.5)],
        };
        let bytes = Figure {
            name: "callboard.memory.budget",
            help: "The budget",
            unit: figures::Unit::Bytes,
            is_sum: false,
            values: vec![(Vec::new(), 7.0)],
        };
        let expected = "\
# HELP callboard_server_requests_total Requests
# TYPE callboard_server_requests_total counter
callboard_server_requests_total{server=\"a\\\"} 1\\nforged_total 2\\\\\"} 3.0
callboard_server_requests_total{server=\"b\"} 0.5
# HELP callboard_memory_budget_bytes The budget
# TYPE callboard_memory_budget_bytes gauge
callboard_memory_budget_bytes 7.0
";
        assert_eq!(text(vec![figure, bytes]), expected);
    }
}
