//! Where a run is seen while it goes on, beside its terminal: in browsers, by Prometheus and by a collector of OpenTelemetry, each if it is asked for.

use callboard_live::{Server, Telemetry, TelemetrySettings};
use callboard_plan::Plan;
use callboard_runtime::{Class, Observer, Report, Window};

use crate::arguments::ServeArguments;
use crate::exit::Failure;
use crate::show::progress::Progress;

/// The variable with the secret of the page's address, where it is not to be a new one in each run.
const TOKEN: &str = "CALLBOARD_SERVE_TOKEN";
/// It has at least this many characters.
const SHORTEST: usize = 16;

/// Nobody, unless it was asked for.
#[derive(Default)]
pub(crate) struct Onlookers {
    window: Window,
    server: Option<Server>,
    telemetry: Option<Telemetry>,
}

impl Onlookers {
    pub(crate) fn begin(arguments: &ServeArguments, progress: &Progress) -> Result<Onlookers, Failure> {
        let window = Window::default();
        let server = serve(arguments, &window, progress)?;
        Ok(Onlookers { telemetry: telemetry(&window, progress), window, server })
    }

    pub(crate) fn over(&self, observer: Observer) -> Observer {
        match &self.telemetry {
            Some(telemetry) => telemetry.over(observer),
            None => observer,
        }
    }

    /// What a run is seen through.
    pub(crate) fn window(&self) -> Window {
        self.window.clone()
    }

    /// Shows how the run ended. The page stays until this is dropped.
    pub(crate) fn ended(&mut self, report: &Report, plan: Option<&Plan>) {
        if let Some(server) = &self.server {
            server.ended(report, plan);
        }
        if let Some(telemetry) = self.telemetry.take() {
            telemetry.end(report, plan);
        }
    }
}

fn serve(arguments: &ServeArguments, window: &Window, progress: &Progress) -> Result<Option<Server>, Failure> {
    let Some(address) = arguments.serve else { return Ok(None) };
    if !address.ip().is_loopback() && !arguments.serve_remote {
        let message = format!("other machines reach {}", address.ip());
        let help =
            format!("use 127.0.0.1:{}; or, to let them see the run, unencrypted, add: --serve-remote", address.port());
        return Err(Failure::other(Class::Pipeline, message).help(help));
    }
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    let fits = |token: &String| {
        token.len() >= SHORTEST && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if token.as_ref().is_some_and(|token| !fits(token)) {
        let message = format!("`{TOKEN}` is not a secret for an address");
        let help = format!(
            "it has at least {SHORTEST} letters, digits, `-` and `_`; without it, a new one is made for each run"
        );
        return Err(Failure::other(Class::Pipeline, message).help(help));
    }
    let server = Server::begin(address, token, window.clone())
        .map_err(|error| Failure::system(&format!("listen at {address}"), &error))?;
    progress.serving(&server.url());
    Ok(Some(server))
}

/// What cannot be sent is no reason not to run.
fn telemetry(window: &Window, progress: &Progress) -> Option<Telemetry> {
    let begun = TelemetrySettings::of_variables(|name| std::env::var(name).ok()).and_then(|settings| {
        let say = progress.clone();
        settings.map(|settings| Telemetry::begin(settings, window.clone(), move |what| say.warn(&what))).transpose()
    });
    begun.unwrap_or_else(|error| {
        progress.warn(&error.to_string());
        None
    })
}
