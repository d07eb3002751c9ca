//! Figures as metrics of OpenTelemetry.

use super::messages::{
    CUMULATIVE, Data, Gauge, Metric, MetricsRequest, Point, Resource, ResourceMetrics, ScopeMetrics, Sum,
};
use super::{scope, text};
use crate::figures::{Figure, Labels, Unit};

/// All figures, of a run that began then; times are nanoseconds since 1970.
pub(super) fn request(resource: &Resource, figures: &[Figure], began: u64, now: u64) -> MetricsRequest {
    let metric = |figure: &Figure| {
        let point = |(labels, value): &(Labels, f64)| Point {
            start_time_unix_nano: began,
            time_unix_nano: now,
            value: Some(*value),
            attributes: labels.iter().map(|(key, value)| text(key, value)).collect(),
        };
        let data_points = figure.values.iter().map(point).collect();
        Metric {
            name: figure.name.to_owned(),
            description: figure.help.to_owned(),
            unit: match figure.unit {
                Unit::None => "1",
                Unit::Bytes => "By",
                Unit::Seconds => "s",
            }
            .to_owned(),
            data: Some(match figure.is_sum {
                true => Data::Sum(Sum { data_points, aggregation_temporality: CUMULATIVE, is_monotonic: true }),
                false => Data::Gauge(Gauge { data_points }),
            }),
        }
    };
    let metrics = figures.iter().map(metric).collect();
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics }];
    MetricsRequest { resource_metrics: vec![ResourceMetrics { resource: Some(resource.clone()), scope_metrics }] }
}
