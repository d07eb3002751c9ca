//! Settings that libraries name in their help, in the words of the command line.

use callboard_words::Setting;

use crate::exit::quoted;

/// What to add to a command, or the command, that decides a setting.
pub(crate) fn flag(setting: &Setting) -> String {
    match setting {
        Setting::Overwrite => "add --overwrite".to_owned(),
        Setting::Budget(size) => format!("--budget {}", size.as_deref().unwrap_or("SIZE")),
        Setting::MaxSpill => "--max-spill SIZE".to_owned(),
        Setting::RunFolder => "--run-dir DIR".to_owned(),
        Setting::RunAgain(folder) => format!("callboard run FILE --run-dir {}", quoted(folder)),
        Setting::ResumeBase(folder) => format!("callboard resume {} --base DIR", quoted(folder)),
        Setting::ResumeTrusted(folder, digits) => format!("callboard resume {} --trust {digits}", quoted(folder)),
        Setting::LookTrusted(digits) => format!("--trust {digits}"),
        Setting::Load(when) => format!("--load {when}"),
        Setting::Replicas(number) => format!("--replicas {number}"),
        Setting::Param(name, value) => format!("--set params.{name}={value}"),
        Setting::Config(json) => format!("--config {json}"),
        Setting::MaxPipeline(size) => format!("--max-pipeline {size}"),
        Setting::MaxComponent(size) => format!("--max-component {size}"),
        Setting::Bless => "callboard step test --bless".to_owned(),
        // One that this command does not know by a flag of its own.
        other => other.to_string(),
    }
}
