//! A run that is asked to stop stops, whatever its steps are about; and the process that compiles may fail in any way.

use std::time::{Duration, Instant};

use callboard_plan::Load;
use callboard_runtime::{CancellationToken, Class, Event, Status};

use crate::bench::{Bench, straight};

/// What never ends by itself here would take an hour; a test that takes so long has failed long before.
const PROMPT: Duration = Duration::from_secs(30);

fn looping(guest: &str, misdeed: &str) -> String {
    let limits = "limits = { time = \"1h\", open = \"1h\" }";
    straight(&format!("[[steps]]\nuse = \"guests/{guest}.wasm\"\nconfig = {{ misdeed = \"{misdeed}\" }}\n{limits}\n"))
}

/// Cancels soon after the run told of `moment`.
fn interrupted(bench: &Bench, pipeline: &str, load: Load, moment: fn(&Event) -> bool) {
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let began = Instant::now();
    let case = bench.pipeline(pipeline).load(load).cancel(cancel.clone()).listen(move |event| {
        if moment(event) {
            let cancel = on_event.clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                cancel.cancel();
            });
        }
    });
    let ended = case.end();
    if let Ok(report) = &ended.outcome {
        assert_eq!(report.status, Status::Interrupted, "{:?}\n{pipeline}", report.error);
    }
    let error = ended.error();
    assert_eq!(error.class, Class::Interrupted, "{error}\n{pipeline}");
    assert!(began.elapsed() < PROMPT, "it took {:?} to stop:\n{pipeline}", began.elapsed());
    assert!(!bench.path("out.jsonl").exists());
}

#[test]
fn a_loop_in_any_call_is_interrupted() {
    let bench = Bench::with_rows(10);
    let loaded = |event: &Event| matches!(event, Event::Loaded { .. });
    interrupted(&bench, &looping("hostile", "loop-process"), Load::Staged, loaded);
    interrupted(&bench, &looping("hostile-global", "loop"), Load::Staged, loaded);
    interrupted(&bench, &looping("hostile-global", "loop-reading"), Load::Eager, loaded);
    let replicas = looping("hostile", "loop-process") + "replicas = 3\n[run]\nbatch_rows = 1\n";
    interrupted(&bench, &replicas, Load::Staged, loaded);
    // Others wait for the step that loops: before it, and behind it.
    let echo = "[[steps]]\nname = \"NAME\"\nuse = \"guests/echo.wasm\"\n";
    let (before, behind) = (echo.replace("NAME", "before"), echo.replace("NAME", "behind"));
    let many = Bench::with_rows(1_000);
    let text = looping("hostile", "loop-process").replace("[[steps]]", &format!("{before}[[steps]]"));
    interrupted(&many, &format!("{text}{behind}[run]\nbatch_rows = 1\n"), Load::Staged, loaded);
}

/// Nothing is told while a component is opened, or asked what it does, so the moment is that of an earlier stage's end, or
/// none at all: the token is cancelled a little after the run began.
#[test]
fn a_loop_in_open_or_declare_is_interrupted() {
    let bench = Bench::with_rows(10);
    for misdeed in ["loop-open", "loop-declare"] {
        let cancel = CancellationToken::new();
        let later = cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            later.cancel();
        });
        let began = Instant::now();
        let error = bench.pipeline(looping("hostile", misdeed)).cancel(cancel).error();
        assert_eq!((error.class, error.message.as_str()), (Class::Interrupted, "interrupted"), "{misdeed}");
        assert!(began.elapsed() < PROMPT);
    }
}

#[test]
fn what_was_cancelled_before_it_began_does_nothing() {
    let bench = Bench::with_rows(10);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = bench.pipeline(straight("")).cancel(cancel).error();
    assert_eq!(error.class, Class::Interrupted);
    assert!(!bench.path("out.jsonl").exists());
}

#[test]
fn compiling_is_interrupted() {
    let bench = Bench::with_rows(10);
    let cancel = CancellationToken::new();
    let on_event = cancel.clone();
    let began = Instant::now();
    let error = bench
        .pipeline(straight("[[steps]]\nuse = \"guests/echo.wasm\"\n"))
        .cache(bench.path("cache"))
        .compile("sh", &["-c", "exec sleep 3600"])
        .cancel(cancel)
        .listen(move |event| {
            if matches!(event, Event::Compiling { .. }) {
                on_event.cancel();
            }
        })
        .error();
    assert_eq!((error.class, error.place.step.as_deref()), (Class::Interrupted, Some("echo")), "{error}");
    assert!(began.elapsed() < PROMPT);
    assert!(cache_is_empty(&bench));
}

fn cache_is_empty(bench: &Bench) -> bool {
    std::fs::read_dir(bench.path("cache")).unwrap().next().is_none()
}

#[test]
fn a_compiler_that_fails_is_an_error_with_its_words() {
    let bench = Bench::with_rows(10);
    let fails = |program: &str, arguments: &[&str]| {
        let case = bench.pipeline(straight("[[steps]]\nuse = \"guests/echo.wasm\"\n"));
        let error = case.cache(bench.path("cache")).compile(program, arguments).error();
        assert_eq!(error.place.step.as_deref(), Some("echo"), "{error}");
        assert!(cache_is_empty(&bench), "nothing half made is left in the cache");
        error
    };
    let error = fails("sh", &["-c", "echo 'no such luck' >&2; exit 3"]);
    assert_eq!((error.class, error.message.as_str()), (Class::Data, "the component cannot be compiled: no such luck"));
    // It dies without a word.
    let error = fails("sh", &["-c", "kill -9 $$"]);
    assert!(error.message.starts_with("the component cannot be compiled: signal: 9"), "{error}");
    // It says that all is well, and made nothing, or made nonsense.
    let error = fails("sh", &["-c", "exit 0"]);
    assert_eq!(error.class, Class::System, "{error}");
    let error = fails("sh", &["-c", "echo nonsense > \"$2\"", "sh"]);
    assert!(error.message.starts_with("the component cannot be loaded: "), "{error}");
    // There is no such program.
    let error = fails("/nowhere/compiler", &[]);
    assert_eq!(error.class, Class::System);
    assert!(error.message.starts_with("cannot start the compiler `/nowhere/compiler`: "), "{error}");
}

/// A step fails while another is in a call that would take an hour: neither the failure nor its place waits for that.
#[test]
fn a_failure_does_not_wait_for_who_works_on() {
    let bench = Bench::with_rows(100);
    let step = |name: &str, config: &str, rest: &str| {
        let limits = "limits = { time = \"1h\", open = \"1h\" }";
        format!("[[steps]]\nname = \"{name}\"\nuse = \"guests/hostile.wasm\"\nconfig = {config}\n{limits}\n{rest}\n")
    };
    let looping = "{ misdeed = \"loop-process\", on_text = \"row 5\" }";
    let failing = "{ misdeed = \"trap\", on_text = \"row 2\" }";
    let opening = step("opening", "{ misdeed = \"loop-open\" }", "");
    let failing_open = step("failing", "{ misdeed = \"trap-open\" }", "");
    for (steps, batch) in [
        (step("looping", looping, "") + &step("failing", failing, ""), Some(3)),
        (step("looping", looping, "") + &step("failing", failing, "replicas = 3"), Some(3)),
        (step("looping", looping, "replicas = 2") + &step("failing", failing, "replicas = 2"), Some(3)),
        (opening.clone() + &failing_open, None),
        (failing_open.clone() + &opening, None),
    ] {
        for load in [Load::Staged, Load::Eager] {
            let began = Instant::now();
            let pipeline = straight(&format!("{steps}[run]\nbatch_rows = 1\n"));
            let error = bench.pipeline(&pipeline).load(load).error();
            let place = (error.place.step.as_deref(), error.place.batch, error.place.stage);
            assert_eq!(place, (Some("failing"), batch, Some(1)), "{error}\n{pipeline}");
            assert!(error.message.contains("` trapped: "), "{error}");
            assert!(began.elapsed() < PROMPT, "it took {:?} to fail:\n{pipeline}", began.elapsed());
        }
    }
}
