//! A cluster of Ray, over its Jobs API: HTTP, and a token from the environment. No Python is needed here; the job's is Ray's own.

use std::path::PathBuf;
use std::time::Duration;

use callboard_io::{Answer, Stop, ask_service};
use callboard_runtime::Class;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Job;
use crate::exit::Failure;

/// What the job's Python carries out.
const DRIVER: &str = include_str!("ray_driver.py");
/// The program reads it from its environment, so that Ray's dashboard shows a line and not a page.
const ENTRYPOINT: &str = "python3 -c 'import os; exec(os.environ[\"CALLBOARD_DRIVER\"])'";
/// The longest token that is read of a file, bytes.
const TOKEN: u64 = 4 << 10;
/// How often a request is sent at most, and the pause before the second time, which doubles.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);

/// The head of a cluster.
pub(crate) struct Ray {
    /// `http://HEAD:8265`.
    head: String,
    token: Option<String>,
    /// Ends requests.
    stop: Stop,
}

/// How a job is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    /// Not ended.
    UnderWay,
    /// Ended, in Ray's words.
    Ended(String),
    /// Ray does not know it: its head was started again since.
    Unknown,
}

/// How Ray describes a job.
#[derive(Deserialize)]
struct Described {
    status: String,
    #[serde(default)]
    message: Option<String>,
}

impl Ray {
    /// The one at an address, which answers. Its token is where Ray itself looks for it.
    pub(crate) fn at(address: &str, stop: Stop) -> Result<Ray, Failure> {
        let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
        let host = host
            .map(|host| host.trim_end_matches('/'))
            .filter(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#']));
        if host.is_none() {
            let message = format!("`{address}` is not the address of Ray's dashboard");
            return Err(Failure::other(Class::Pipeline, message).help("--on ray=http://HEAD:8265"));
        }
        let ray = Ray { head: address.trim_end_matches('/').to_owned(), token: token()?, stop };
        let answer = ray.ask("/api/version", None)?;
        match serde_json::from_str::<Value>(&answer.text).is_ok_and(|about| about["ray_version"].is_string()) {
            true => Ok(ray),
            false if answer.status >= 300 => Err(ray.refused(&answer)),
            false => Err(ray.unusable()),
        }
    }

    /// Submits the job that carries out what is in a work place. Submitting it twice under one name is submitting it once.
    pub(crate) fn submit(&self, job: &Job) -> Result<(), Failure> {
        let body = body_of(job);
        let mut tries = 0;
        loop {
            tries += 1;
            let sent = self.ask("/api/jobs/", Some(&body));
            match sent {
                Ok(answer) if answer.status < 300 => return Ok(()),
                Ok(answer) if matches!(answer.status, 401 | 403) => return Err(self.refused(&answer)),
                // An answer that was lost, or one that says that there is such a job.
                sent => match self.state(&job.name) {
                    Ok(JobState::Unknown) | Err(_) if tries < TRIES => std::thread::sleep(PAUSE * (1 << tries)),
                    Ok(JobState::UnderWay | JobState::Ended(_)) => return Ok(()),
                    _ => return Err(sent.map_or_else(|failure| failure, |answer| self.refused(&answer))),
                },
            }
        }
    }

    /// How a job is doing.
    pub(crate) fn state(&self, job: &str) -> Result<JobState, Failure> {
        let answer = self.ask(&format!("/api/jobs/{job}"), None)?;
        match answer.status {
            404 => Ok(JobState::Unknown),
            200..300 => state_of(&answer.text).ok_or_else(|| self.unusable()),
            _ => Err(self.refused(&answer)),
        }
    }

    fn ask(&self, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.head);
        let answer = ask_service(&url, self.token.as_deref(), body, &self.stop);
        answer.map_err(|error| callboard_runtime::RunError::from(error).into())
    }

    fn unusable(&self) -> Failure {
        let message = format!("`{}` gives no usable answer", self.head);
        Failure::other(Class::System, message).help("is it the dashboard of Ray 2?")
    }

    fn refused(&self, answer: &Answer) -> Failure {
        let Answer { status, text } = answer;
        let message = format!("`{}` answers {status}: {}", self.head, last_line(text));
        let failure = Failure::other(Class::System, message);
        match status {
            401 | 403 => failure.help("set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH, to the cluster's token"),
            _ => failure,
        }
    }
}

/// What is submitted.
fn body_of(job: &Job) -> Value {
    let needs = job.groups.iter().map(|group| (group.group.to_string(), json!([group.cores, group.memory_bytes])));
    let needs: serde_json::Map<String, Value> = needs.collect();
    json!({
        "entrypoint": ENTRYPOINT,
        "submission_id": job.name,
        "runtime_env": { "env_vars": {
            "CALLBOARD_DRIVER": DRIVER,
            "CALLBOARD_PROGRAM": job.program,
            "CALLBOARD_WORK": job.work,
            "CALLBOARD_ARGUMENTS": json!(job.arguments).to_string(),
            "CALLBOARD_NEEDS": json!(needs).to_string(),
        } },
        "metadata": { "callboard": env!("CARGO_PKG_VERSION"), "work": job.work },
    })
}

fn state_of(text: &str) -> Option<JobState> {
    let Described { status, message } = serde_json::from_str(text).ok()?;
    let message = last_error(&message.unwrap_or_default()).to_owned();
    match status.as_str() {
        "PENDING" | "RUNNING" => Some(JobState::UnderWay),
        "SUCCEEDED" | "FAILED" | "STOPPED" => Some(JobState::Ended(message)),
        _ => None,
    }
}

/// Ray answers with tracebacks, whose last line says what is wrong.
fn last_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| line.chars().any(char::is_alphanumeric));
    lines.next_back().unwrap_or("nothing")
}

/// The last error in a job's message, which has the end of its log, and what follows it.
fn last_error(message: &str) -> &str {
    message.rsplit_once("\nerror: ").map_or_else(|| last_line(message), |(_, error)| error.trim_end())
}

/// The token, if there is one: never written down, never shown.
fn token() -> Result<Option<String>, Failure> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    if let Some(token) = set("RAY_AUTH_TOKEN") {
        return Ok(Some(token.trim().to_owned()));
    }
    let named = set("RAY_AUTH_TOKEN_PATH").map(PathBuf::from);
    let usual = || Some(PathBuf::from(set("HOME")?).join(".ray/auth_token"));
    let Some(file) = named.clone().or_else(usual) else { return Ok(None) };
    match callboard_io::read_regular(&file, TOKEN) {
        Ok(token) => Ok(Some(String::from_utf8_lossy(&token).trim().to_owned()).filter(|token| !token.is_empty())),
        Err(error) if named.is_some() => Err(Failure::system(
            &format!("read the token in `{}`, which RAY_AUTH_TOKEN_PATH names", file.display()),
            &error,
        )),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_as_ray_says() {
        let of = |status: &str, message: &str| {
            state_of(&json!({ "status": status, "message": message, "driver_exit_code": 3 }).to_string())
        };
        assert_eq!(of("RUNNING", ""), Some(JobState::UnderWay));
        let words = "Job entrypoint command failed, last logs:\nINFO connected\nerror: task 1.0000: no\n  help: yes\n";
        assert_eq!(of("FAILED", words), Some(JobState::Ended("task 1.0000: no\n  help: yes".to_owned())));
        assert_eq!(of("STOPPED", "stopped"), Some(JobState::Ended("stopped".to_owned())));
        assert_eq!((of("LATER", ""), state_of("<html>")), (None, None));
    }

    #[test]
    fn of_a_traceback_the_last_line_is_shown() {
        let text = "Traceback (most recent call last):\n  File \"a\"\nValueError: there is such a job.\n.\n";
        assert_eq!(
            [last_line(text), last_line("no\n"), last_line("")],
            ["ValueError: there is such a job.", "no", "nothing"]
        );
    }

    #[test]
    fn what_is_not_the_address_of_a_head_is_not_asked() {
        for wrong in ["head:8265", "ray://head:10001", "http://", "http://user:secret@head", "http://head/api"] {
            assert!(Ray::at(wrong, Stop::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_job_has_what_its_python_reads_and_no_token() {
        let job = Job {
            name: "callboard-x".to_owned(),
            work: "/shared/x".into(),
            is_remote: false,
            program: "callboard".to_owned(),
            arguments: vec!["--trust=00".to_owned()],
            groups: Vec::new(),
        };
        let variables = &body_of(&job)["runtime_env"]["env_vars"];
        for (name, _) in variables.as_object().unwrap().iter().filter(|(name, _)| *name != "CALLBOARD_DRIVER") {
            assert!(DRIVER.contains(&format!("os.environ[\"{name}\"]")), "{name}");
        }
        assert_eq!(
            (&variables["CALLBOARD_WORK"], &variables["CALLBOARD_ARGUMENTS"]),
            (&json!("/shared/x"), &json!("[\"--trust=00\"]"))
        );
        assert!(!variables.to_string().contains("AUTH"));
    }
}
