//! Runs the tests of a file: each works the whole file out with the parameters that it gives, and keeps nothing.

use kit_lang::{Diagnostic, Severity, SourceId, Span};

use crate::codes;
use crate::compile::{Findings, Lookup, Step, hide_given, load, step};
use crate::hir::{Program, TestDecl};
use crate::inputs::{Answer, Inputs, MAX_LOOKUP_ROUNDS};
use crate::report::Report;
use crate::sources::Sources;

/// What the tests of a file came to.
#[derive(Debug, Clone, Default)]
pub struct TestRun {
    /// What is wrong with the file whatever a test gives it; with an error in it no test was run.
    pub findings: Findings,
    /// The tests that were run, in the order of the file.
    pub outcomes: Vec<TestOutcome>,
    /// How many tests the file has, run or not.
    pub declared: usize,
}

/// What a test came to.
#[derive(Debug, Clone)]
pub struct TestOutcome {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub span: Span,
    /// Why it failed; nothing if it passed.
    pub findings: Findings,
}

impl TestOutcome {
    /// Whether all that it requires holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.findings.has_errors()
    }
}

/// Runs those tests of a file that are `wanted` by their names and places.
///
/// A test gets the parameters that stand in its `with`, and the defaults of the others. Its lookups are answered by what
/// `inputs` has of them, and then by `answer`, which gives values by their keys, or says why there are none.
pub fn run_tests<A: Into<Answer>>(
    sources: &mut Sources,
    root: SourceId,
    inputs: &Inputs,
    wanted: impl Fn(&str, Span) -> bool,
    mut answer: impl FnMut(&[Lookup]) -> Result<Vec<(String, A)>, Vec<Diagnostic>>,
) -> TestRun {
    let mut report = Report::default();
    let (program, checked) = load(sources, root, &mut report);
    hide_given(&program, sources, inputs);
    let findings = Findings::of(report);
    let tests = &program.module(0).tests;
    let mut run = TestRun { findings, outcomes: Vec::new(), declared: tests.len() };
    if run.findings.has_errors() {
        return run;
    }
    for test in tests.iter().filter(|test| wanted(&test.name, program.span(0, test.name_span))) {
        let mut inputs = inputs.clone();
        let mut found = Findings::default();
        // One more than the rounds, since the last of them ends in a graph or in an error.
        for _ in 0..=MAX_LOOKUP_ROUNDS {
            match step(&program, &checked, sources, Report::default(), &inputs, Some(test)) {
                Step::Done(compiled) => found.diagnostics = compiled.warnings,
                Step::Failed(failed) => found = failed,
                Step::Need(lookups) => match answer(&lookups) {
                    Ok(answers) => {
                        inputs.answer(answers);
                        continue;
                    }
                    Err(unanswered) => found.diagnostics = unanswered,
                },
            }
            break;
        }
        let findings = judged(&program, test, found);
        let span = program.span(0, test.name_span);
        run.outcomes.push(TestOutcome { name: test.name.to_string(), span, findings });
    }
    run
}

/// What is left of the findings of a test once the errors that it expects are taken away.
fn judged(program: &Program, test: &TestDecl, mut found: Findings) -> Findings {
    let Some((expected, span)) = &test.fails_with else { return found };
    let before = found.diagnostics.len();
    found.diagnostics.retain(|one| {
        one.severity != Severity::Error || !(one.code.as_str() == &**expected || one.message.contains(&**expected))
    });
    if found.diagnostics.len() == before {
        let none = found.diagnostics.iter().all(|one| one.severity != Severity::Error);
        let what = if none { "there was no error" } else { "the errors are others" };
        found.diagnostics.push(
            Diagnostic::error(
                codes::NO_SUCH_ERROR,
                program.span(0, *span),
                format!("no error has the code or the message \"{expected}\": {what}"),
            )
            .with_help("the text is an error's code, or a part of its message, in the same letters"),
        );
    }
    found
}
