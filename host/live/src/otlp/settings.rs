//! Where spans and metrics go, as OpenTelemetry's variables say it.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::messages::Resource;
use super::text;

/// The longest that a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where spans and metrics go.
#[derive(Debug)]
pub struct Settings {
    pub(super) spans: Url,
    pub(super) metrics: Url,
    pub(super) headers: HeaderMap,
    pub(super) patience: Duration,
    service: String,
}

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// A variable that is not understood.
    #[error("nothing is sent to a collector of OpenTelemetry: `{variable}` is not {expected}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// There is no client of HTTP, or no thread.
    #[error("nothing is sent to a collector of OpenTelemetry: {0}")]
    Client(String),
}

impl Settings {
    /// As variables have it, which `of` gives by their names; `None` if no collector is named, or if `OTEL_SDK_DISABLED` is `true`.
    ///
    /// # Errors
    ///
    /// An address, a protocol, headers or a time that are none.
    pub fn of_variables(of: impl Fn(&str) -> Option<String>) -> Result<Option<Settings>, TelemetryError> {
        let of = |name: &str| of(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let wrong = |variable, expected| TelemetryError::Variable { variable, expected };
        let disabled = of("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let Some(endpoint) = of("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|_| !disabled) else { return Ok(None) };
        if of("OTEL_EXPORTER_OTLP_PROTOCOL").is_some_and(|protocol| protocol != "http/protobuf") {
            return Err(wrong("OTEL_EXPORTER_OTLP_PROTOCOL", "`http/protobuf`, which is all that is spoken here"));
        }
        let at = |signal: &str| {
            let url = Url::parse(&format!("{}/v1/{signal}", endpoint.trim_end_matches('/'))).ok();
            let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
            url.ok_or(wrong("OTEL_EXPORTER_OTLP_ENDPOINT", "an address that begins with `http://` or `https://`"))
        };
        let headers = headers_of(&of("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default());
        let patience =
            of("OTEL_EXPORTER_OTLP_TIMEOUT").map(|value| value.parse().map(Duration::from_millis)).transpose();
        Ok(Some(Settings {
            spans: at("traces")?,
            metrics: at("metrics")?,
            headers: headers.ok_or(wrong("OTEL_EXPORTER_OTLP_HEADERS", "a list such as `name=value,name=value`"))?,
            patience: patience
                .map_err(|_| wrong("OTEL_EXPORTER_OTLP_TIMEOUT", "a number of milliseconds"))?
                .map_or(PATIENCE, |patience| patience.min(PATIENCE)),
            service: of("OTEL_SERVICE_NAME").unwrap_or_else(|| "callboard".to_owned()),
        }))
    }

    pub(super) fn resource(&self) -> Resource {
        Resource { attributes: vec![text("service.name", &self.service)] }
    }
}

/// `name=value,name=value`; values are percent-encoded.
fn headers_of(list: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in list.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).collect::<Vec<u8>>();
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Settings>, TelemetryError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::of_variables(find)
    }

    #[test]
    fn the_usual_variables_say_where_to() {
        assert!(of(&[]).unwrap().is_none());
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/otel/");
        assert!(of(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap().is_none());
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=1,");
        let settings = of(&[endpoint, headers, ("OTEL_EXPORTER_OTLP_TIMEOUT", "50")]).unwrap().unwrap();
        assert_eq!(settings.spans.as_str(), "http://127.0.0.1:4318/otel/v1/traces");
        assert_eq!(settings.metrics.as_str(), "http://127.0.0.1:4318/otel/v1/metrics");
        assert_eq!(settings.headers["api-key"], "a b");
        assert_eq!(settings.headers["x"], "1");
        assert_eq!(settings.patience, Duration::from_millis(50));
    }

    #[test]
    fn what_is_none_is_said_by_its_name() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let wrong = [
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318")],
            vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "file:///x")],
            vec![endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            vec![endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "key")],
            vec![endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "key=a%0Ab")],
            vec![endpoint, ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")],
        ];
        for variables in wrong {
            let said = of(&variables).unwrap_err().to_string();
            assert!(said.contains(variables.last().unwrap().0), "{said}");
        }
    }
}
