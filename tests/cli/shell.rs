//! What a shell and its user get beside the command: completions, manual pages, `callboard doctor`.

#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::collections::BTreeSet;
use std::fs;

use crate::stage::Stage;

/// The commands that `callboard --help` lists.
fn verbs(stage: &Stage) -> BTreeSet<String> {
    let help = stage.sh("callboard --help").stdout;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let verbs = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    verbs.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|verb| verb != "help").collect()
}

/// What bash offers for words, by its script in `script`.
const BASH: &str = r#". ./script; COMP_WORDS=(@words); COMP_CWORD=@count
_callboard callboard "@last" "@before"; printf '%s\n' "${COMPREPLY[@]}""#;
/// What fish does.
const FISH: &str = "source script; complete --do-complete '@words'";
/// What zsh does: its completions are widgets of its line editor, so it sits at a terminal of its own, with `ZSH_INSIDE`.
const ZSH: &str = r#"zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell '. ./inside.zsh'
zpty -w -n shell "@words"$'\t'
while zpty -r shell line; do [[ $line == offers\ * ]] && print -r -- ${${line#offers }%$'\r\n'}; done
exit 0"#;
const ZSH_INSIDE: &str = r#"PROMPT=
fpath=($PWD $fpath)
autoload -Uz compinit && compinit -u -D
bindkey '^I' complete-word
compadd() {
    # What the functions of completion ask for themselves is not offered.
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        local -a hits
        builtin compadd -A hits "$@"
        print -rl -- "" ${hits/#/offers }
    fi
    builtin compadd "$@"
}
comppostfuncs=(exit)
"#;

#[test]
fn shells_complete_commands_options_and_values() {
    let offers: [(&str, &[&str]); 6] = [
        ("callboard ru", &["run", "runs"]),
        ("callboard step b", &["build"]),
        ("callboard run --bu", &["--budget"]),
        ("callboard run --load ", &["staged", "eager", "step"]),
        // Commands for other programs are not offered.
        ("callboard comp", &["compare", "completions"]),
        ("callboard run --end", &[]),
    ];
    for (shell, code) in [("bash", BASH), ("zsh", ZSH), ("fish", FISH)] {
        let stage = Stage::empty();
        if stage.sh(&format!("command -v {shell}")).code != Some(0) {
            eprintln!("SKIPPED: {shell} is not installed, so it has not completed anything");
            continue;
        }
        let made = stage.sh(&format!("callboard completions {shell} > script && cp script _callboard"));
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        fs::write(stage.folder.join("inside.zsh"), ZSH_INSIDE).unwrap();
        for (words, expected) in offers {
            let count = (words.split(' ').count() - 1).to_string();
            let mut backwards = words.rsplit(' ');
            let (last, before) = (backwards.next().unwrap(), backwards.next().unwrap());
            let code = code.replace("@words", words).replace("@count", &count);
            fs::write(stage.folder.join("code"), code.replace("@last", last).replace("@before", before)).unwrap();
            let said = stage.sh(&format!("HOME=$PWD {shell} code"));
            assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{shell}: {words}");
            // fish says beside each what it means.
            let offered = said.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default());
            let offered: BTreeSet<&str> = offered.filter(|word| !word.is_empty()).collect();
            assert_eq!(offered, expected.iter().copied().collect(), "{shell}: {words}");
        }
    }
}

#[test]
fn zsh_and_fish_are_offered_every_command() {
    let stage = Stage::empty();
    let verbs = verbs(&stage);
    assert!(verbs.len() > 8, "{verbs:?}");
    for shell in ["zsh", "fish"] {
        let said = stage.sh(&format!("callboard completions {shell} > script && command -v {shell}"));
        let script = fs::read_to_string(stage.folder.join("script")).unwrap();
        let offered = |verb: &str| match shell {
            "zsh" => script.contains(&format!("\n'{verb}:")),
            _ => script.contains(&format!(" -a \"{verb}\" ")),
        };
        for verb in &verbs {
            assert!(offered(verb), "{shell}: {verb}\n{script}");
        }
        assert!(!offered("compile") && !offered("man"), "{shell}: commands for other programs are offered");
        match said.code {
            Some(0) => {
                assert_eq!(stage.sh(&format!("{shell} -n script")).code, Some(0), "{shell} cannot read its script")
            }
            _ => eprintln!("SKIPPED: {shell} is not installed, so it has not read its script"),
        }
    }
}

#[test]
fn every_command_has_a_manual_page_that_groff_reads() {
    let stage = Stage::empty();
    assert_eq!(stage.sh("callboard man pages").code, Some(0));
    let entries = fs::read_dir(stage.folder.join("pages")).unwrap();
    let pages: BTreeSet<String> = entries.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    for verb in verbs(&stage) {
        assert!(pages.contains(&format!("callboard-{verb}.1")), "{verb}: {pages:?}");
    }
    assert!(pages.contains("callboard.1") && pages.contains("callboard-step-new.1"), "{pages:?}");
    assert!(!pages.contains("callboard-man.1") && !pages.contains("callboard-compile.1"), "{pages:?}");
    let run = fs::read_to_string(stage.folder.join("pages/callboard-run.1")).unwrap();
    assert!(run.contains("callboard run curate.toml") && run.contains("budget"), "{run}");
    match stage.sh("command -v groff").code {
        Some(0) => {
            let read = stage.sh("for page in pages/*; do groff -k -man -ww -Tutf8 $page > /dev/null || exit 1; done");
            assert_eq!((read.code, read.stderr.as_str()), (Some(0), ""));
        }
        _ => eprintln!("SKIPPED: groff is not installed, so nothing has read the manual pages"),
    }
}

#[test]
fn the_doctor_says_what_is_here_and_that_it_works() {
    let stage = Stage::empty();
    let said = stage.sh("callboard doctor");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    let lines =
        ["callboard  0.1.0, contract ", "program    /", "system     ", "machine    ", "landlock   ", "cache      /"];
    for line in lines {
        assert!(said.stdout.lines().any(|said| said.starts_with(line)), "`{line}`: {}", said.stdout);
    }
    assert!(said.stdout.contains("\nsandbox    works: `select` started in "), "{}", said.stdout);
    for language in ["python", "rust", "typescript", "go", "cpp", "c"] {
        assert!(said.stdout.lines().any(|line| line.starts_with(&format!(" {language} "))), "{}", said.stdout);
    }
    assert!(said.stdout.contains("A bug report needs"), "{}", said.stdout);
}

#[test]
fn the_doctor_fails_where_no_component_can_be_started() {
    let stage = Stage::empty();
    let said = stage.sh("CALLBOARD_CACHE=/proc/cache callboard doctor");
    assert_eq!(said.code, Some(5), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("\nsandbox    FAILED"), "{}", said.stdout);
    assert!(said.stderr.contains("/proc/cache"), "{}", said.stderr);
}
