//! What is missing and what is too much becomes errors; what is the consequence of another error does not.

use super::{Frame, FrameKind, Junk, Missing, TreeBuilder};
use crate::codes;
use crate::messages;
use crate::syntax_kind::SyntaxKind;

/// Words that are never read as a name.
const RESERVED: [&str; 12] =
    ["if", "then", "else", "in", "with", "where", "match", "for", "true", "false", "none", "it"];

impl TreeBuilder<'_> {
    pub(super) fn missing(&mut self, missing: Missing) {
        let (start, end) = self.last;
        let text = self.text;
        if missing == Missing::FieldName
            && let Some(expr) = self.expr()
        {
            expr.after_dot = false;
            self.finish_field_access();
        }
        if missing.follows_others() && self.line_is_lost(self.at) {
            return;
        }
        if missing.follows_others() && self.frames.last().is_some_and(|frame| self.error_since(frame.start)) {
            return;
        }
        // An arm without an arrow has no value either.
        if missing == Missing::Value && self.errors.kept().last().is_some_and(|error| error.start >= end) {
            return;
        }
        if !matches!(missing, Missing::Quote | Missing::ScriptEnd | Missing::Close) && self.stray_in_its_place() {
            self.operand_begins();
            return;
        }
        // What is written like a type is read so, and its name was refused where it is declared.
        if missing == Missing::Block && self.was_refused(&text[start..end]) {
            return;
        }
        // A function whose body is a block of statements is told so once.
        if missing == Missing::Equals && &text[start..end] == "return" {
            let function = self.frames.iter().rev().find(|frame| matches!(frame.kind, FrameKind::Node(SyntaxKind::FN)));
            let begins = function.map(|frame| frame.start);
            if begins.is_none_or(|begins| !self.error_since(begins)) {
                self.errors.push_with(|| messages::no_return(start));
            }
            return;
        }
        match missing {
            // Whoever wrote an operator that there is not is told of that alone.
            Missing::Operand
                if (self.errors.kept().last())
                    .is_some_and(|error| error.code == codes::FOREIGN_OPERATOR && error.end >= end) =>
            {
                self.operand_begins();
            }
            Missing::Operand => {
                self.operand_begins();
                let is_message = self.expr().is_some_and(|expr| expr.in_message);
                self.errors.push_with(|| messages::missing_operand(text, start, end, is_message));
            }
            Missing::FieldName if text[end..].starts_with(|c: char| c.is_ascii_alphanumeric()) => {
                let at = self.at;
                self.errors.push_with(|| messages::unquoted(codes::EXPECTED_PART, text, at));
            }
            Missing::FieldName => {
                self.errors.push_with(|| messages::missing_after(codes::EXPECTED_PART, "a name", text, start, end));
            }
            Missing::Close => {
                if let Some((bracket, opened)) = self.brackets.pop() {
                    if bracket == b'{' && text[self.at..].starts_with('\n') {
                        self.assumed_closed += 1;
                    }
                    if self.close_follows_error(bracket) {
                        return;
                    }
                    if let Some(error) = self.errors.last_mut()
                        && error.code == codes::UNMATCHED
                        && error.end == end
                    {
                        // What closes nothing stands where this one is closed.
                        *error = messages::unclosed(bracket, opened, error.start);
                    } else if let Some(error) = self.errors.last_mut()
                        && error.code == codes::UNCLOSED
                        && error.start == end
                    {
                        // Two brackets that end at one place are one finding.
                        error.labels.push((opened, opened + 1, messages::nor_closed(bracket)));
                    } else {
                        self.errors.push_with(|| messages::unclosed(bracket, opened, end));
                    }
                }
            }
            // The rest of the line is in the string, closing brackets included.
            Missing::Quote if self.line_is_lost(end) || self.error_since(self.start_of_line(start)) => {
                self.misnested = true
            }
            Missing::Quote if self.is_run_over(self.start_of_line(start)) => {}
            Missing::Quote => {
                self.ran_over = Some(self.at);
                let opened = self.frames.last().map_or(start, |frame| frame.start);
                self.errors.push_with(|| messages::unterminated_string(opened, end.max(opened + 1)));
            }
            Missing::ScriptEnd => {
                let opened = self.frames.last().map_or(start, |frame| frame.start);
                self.errors.push_with(|| messages::unterminated_script(opened, end));
            }
            Missing::Comma => {
                let at = self.at;
                self.errors.push_with(|| messages::missing_comma(text, end, at));
            }
            _ => {
                let mut around = self.frames.iter().rev().map(|frame| match frame.kind {
                    FrameKind::Node(kind) => Some(kind),
                    _ => None,
                });
                let inside = around.next().flatten().map(|kind| {
                    let [block, of] = [around.next().flatten(), around.next().flatten()];
                    let of_group = block == Some(SyntaxKind::BLOCK) && of == Some(SyntaxKind::GROUP);
                    messages::Inside { kind, of_group }
                });
                let at = self.at;
                self.errors.push_with(|| messages::missing(missing, inside, text, (start, end), at));
            }
        }
    }

    /// In the place of what is missing stands a character without meaning: that is the error.
    pub(super) fn stray_in_its_place(&mut self) -> bool {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t']);
        let start = self.text.len() - rest.len();
        let found = messages::stray(rest, start);
        if rest.starts_with("<<") {
            self.ran_over = Some(start + rest.find('\n').unwrap_or(rest.len()));
        }
        let is_stray = found.is_some();
        if let Some(error) = found {
            self.errors.push_with(|| error);
        }
        is_stray
    }

    /// Whether a place is still in a text that was begun on a line above.
    fn is_run_over(&self, place: usize) -> bool {
        self.ran_over.is_some_and(|until| self.text.get(until..place).is_some_and(|between| between.trim().is_empty()))
    }

    /// A bracket that is not closed only because of another error: a string that took the rest of its line, a closing
    /// bracket of another kind.
    fn close_follows_error(&mut self, bracket: u8) -> bool {
        let end = self.last.1;
        let in_string = self
            .errors
            .kept()
            .last()
            .is_some_and(|error| error.code == codes::UNTERMINATED_STRING && error.start == end);
        let rest = self.text[self.at..].trim_start_matches([' ', '\t']);
        if std::mem::take(&mut self.said_open) {
            return true;
        }
        let wrong_close =
            bracket != b'{' && rest.starts_with([')', ']', '}']) && self.error_since(self.start_of_line(end));
        self.misnested || in_string || wrong_close
    }

    /// Junk that closes a bracket further out: then it is the innermost one that was not closed.
    fn closes_outer(&mut self, junk: &str, end: usize) -> bool {
        let opening = match junk.as_bytes().first() {
            Some(b']') => b'[',
            Some(b')') => b'(',
            _ => return false,
        };
        let Some((inner, opened)) = self.brackets.last().copied() else { return false };
        if inner == opening || !self.brackets.iter().any(|(bracket, _)| *bracket == opening) {
            return false;
        }
        if !self.misnested {
            self.errors.push_with(|| messages::unclosed(inner, opened, end));
            self.misnested = true;
        }
        true
    }

    pub(super) fn leave_junk(&mut self, junk: Junk, end: usize) {
        let start = self.frames.last().map_or(end, |frame| frame.start);
        self.close_frame();
        let text = &self.text[start..end];
        if self.closes_outer(text, start) || (junk == Junk::Element && self.misnested) {
            return;
        }
        if junk == Junk::Interpolation
            && !self.text[end..].starts_with('}')
            && let Some((bracket, opened)) = self.brackets.last().copied()
        {
            // Not the words behind the expression are wrong: it was not closed before them.
            let at = self.text[..start].trim_end().len();
            self.errors.push_with(|| messages::unclosed(bracket, opened, at));
            self.said_open = true;
            return;
        }
        if junk == Junk::Declaration && self.is_run_over(start) {
            self.ran_over = Some(end);
            return;
        }
        let only_closes = text.bytes().all(|byte| matches!(byte, b')' | b']' | b'}' | b' ' | b'\t' | b'\r'));
        if only_closes && self.assumed_closed > 0 {
            // The brace that an earlier error took for forgotten.
            self.assumed_closed -= 1;
            return;
        }
        // What follows an error in the same item is its consequence.
        let follows_error = match junk {
            _ if text.starts_with('{') && self.follows_refused(start) => true,
            Junk::AfterItem
            | Junk::AfterDeclaration
            | Junk::Interpolation
            | Junk::Element
            | Junk::SurplusName
            | Junk::SurplusNames
            | Junk::SurplusType => {
                self.frames.last().is_some_and(|frame| self.error_since(frame.start.max(self.start_of_line(start))))
            }
            Junk::Orphan => self.error_since(self.declaration) || self.text[..start].trim_end().is_empty(),
            // Braces that the error before them has unbalanced.
            Junk::Declaration => only_closes && self.error_since(self.declaration),
            // The bracket before the variables was said.
            Junk::SurplusClose => true,
            Junk::Misplaced => {
                let function = self.frames.iter().find(|frame| matches!(frame.kind, FrameKind::Node(SyntaxKind::FN)));
                function.is_some_and(|frame| self.error_since(frame.start))
            }
            _ => false,
        };
        if !follows_error {
            let source = self.text;
            let around = self.around();
            self.errors.push_with(|| messages::junk(junk, around, source, start, end));
        }
    }

    /// What junk stands in, as far as it decides what to write instead.
    fn around(&self) -> Option<SyntaxKind> {
        use SyntaxKind::*;
        self.frames.iter().rev().find_map(|frame| match frame.kind {
            FrameKind::Node(kind @ (FN | FOR | IF | TEST | METADATA | MATCH_ARMS)) => Some(kind),
            _ => None,
        })
    }

    /// A name that was refused for its first letter: where it is used, it looks like something else.
    fn was_refused(&self, word: &str) -> bool {
        let refused = |error: &crate::syntax_error::SyntaxError| {
            error.code == codes::NAME_CASE && self.text.get(error.start..error.end) == Some(word)
        };
        word.starts_with(|c: char| c.is_ascii_uppercase()) && self.errors.kept().iter().any(refused)
    }

    /// Whether a type of a module stands before a place whose name was refused for its first letter.
    fn follows_refused(&self, place: usize) -> bool {
        let before = self.text[..place].trim_end();
        let path =
            before.rsplit(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).next().unwrap_or_default();
        path.split_once('.').is_some_and(|(module, _)| self.was_refused(module))
    }

    /// Where the line begins in which the item before the junk ends.
    pub(super) fn start_of_line(&self, junk: usize) -> usize {
        self.text[..junk].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// An error before a place on its line was such that what follows on the line has lost its meaning.
    pub(super) fn line_is_lost(&self, place: usize) -> bool {
        let line = self.start_of_line(place);
        self.errors.kept().last().is_some_and(|error| {
            let lost = matches!(
                error.code,
                codes::EXPECTED_SEPARATOR
                    | codes::STRAY_CHARACTER
                    | codes::UNTERMINATED_STRING
                    | codes::UNEXPECTED
                    | codes::FOREIGN_OPERATOR
            );
            lost && error.start >= line && error.start < place
        })
    }

    pub(super) fn error_since(&self, place: usize) -> bool {
        self.errors.kept().last().is_some_and(|error| error.start >= place)
    }

    /// Types, roles and components are capitalised, values are not.
    pub(super) fn check_case(&mut self, kind: SyntaxKind, end: usize) {
        use SyntaxKind::*;
        let Some(Frame { kind: FrameKind::Node(declaration), .. }) = self.frames.last() else { return };
        let declaration = *declaration;
        let word = &self.text[self.at..end];
        if word.contains('-') {
            let start = self.at;
            self.errors.push_with(|| messages::dashed_name(declaration, word, start));
            return;
        }
        let wanted = match declaration {
            TYPE_DECL | COMPONENT | EXTERN_RESOURCE | EXTERN_ROLE => TYPE_IDENT,
            PARAM | LET | FN | FN_PARAM | RESOURCE | GROUP | METADATA | OUTPUT | FIELD_DECL | MEMBER | FOR | USE => {
                IDENT
            }
            _ => return,
        };
        let is_read_by_name = matches!(declaration, PARAM | LET | FN | FN_PARAM | RESOURCE | GROUP | FOR);
        if is_read_by_name && RESERVED.contains(&word) {
            let (start, text) = (self.at, self.text);
            self.errors.push_with(|| messages::reserved_name(text, start, end));
            return;
        }
        if kind != wanted {
            let (start, text) = (self.at, self.text);
            self.errors.push_with(|| messages::name_case(declaration, text, start, end));
        }
    }
}
