//! What is missing and what is too much becomes errors; what is the consequence of another error does not.

use super::{Frame, FrameKind, Junk, Missing, TreeBuilder};
use crate::codes;
use crate::messages;
use crate::syntax_kind::SyntaxKind;

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
        if missing.follows_others() && self.frames.last().is_some_and(|frame| self.error_since(frame.start)) {
            return;
        }
        if !matches!(missing, Missing::Quote | Missing::ScriptEnd | Missing::Close) && self.stray_in_its_place() {
            self.operand_begins();
            return;
        }
        match missing {
            Missing::Operand => {
                self.operand_begins();
                let is_message = self.expr().is_some_and(|expr| expr.in_message);
                self.errors.push_with(|| messages::missing_operand(text, start, end, is_message));
            }
            Missing::FieldName => {
                self.errors.push_with(|| messages::missing_after(codes::EXPECTED_PART, "a name", text, start, end));
            }
            Missing::Close => {
                if let Some((bracket, opened)) = self.brackets.pop() {
                    if bracket == b'{' && text[self.at..].starts_with('\n') {
                        self.assumed_closed += 1;
                    }
                    self.errors.push_with(|| messages::unclosed(bracket, opened, end));
                }
            }
            Missing::Quote => {
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
                let inside = self.frames.last().and_then(|frame| match frame.kind {
                    FrameKind::Node(kind) => Some(kind),
                    _ => None,
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
        let is_stray = found.is_some();
        if let Some(error) = found {
            self.errors.push_with(|| error);
        }
        is_stray
    }

    pub(super) fn leave_junk(&mut self, junk: Junk, end: usize) {
        let start = self.frames.last().map_or(end, |frame| frame.start);
        self.close_frame();
        let text = &self.text[start..end];
        let only_closes = text.bytes().all(|byte| matches!(byte, b')' | b']' | b'}' | b' ' | b'\t' | b'\r'));
        if only_closes && self.assumed_closed > 0 {
            // The brace that an earlier error took for forgotten.
            self.assumed_closed -= 1;
            return;
        }
        // What follows an error in the same item is its consequence.
        let follows_error = match junk {
            Junk::AfterItem
            | Junk::AfterDeclaration
            | Junk::Interpolation
            | Junk::Element
            | Junk::SurplusName
            | Junk::SurplusType => {
                self.frames.last().is_some_and(|frame| self.error_since(frame.start.max(self.start_of_item(start))))
            }
            Junk::Item | Junk::Declaration | Junk::LoneComma => false,
        };
        if !follows_error {
            let source = self.text;
            self.errors.push_with(|| messages::junk(junk, source, start, end));
        }
    }

    /// Where the line begins in which the item before the junk ends.
    pub(super) fn start_of_item(&self, junk: usize) -> usize {
        self.text[..junk].rfind('\n').map_or(0, |newline| newline + 1)
    }

    pub(super) fn error_since(&self, place: usize) -> bool {
        self.errors.kept().last().is_some_and(|error| error.start >= place)
    }

    /// Types, roles and components are capitalised, values are not.
    pub(super) fn check_case(&mut self, kind: SyntaxKind, end: usize) {
        use SyntaxKind::*;
        let Some(Frame { kind: FrameKind::Node(declaration), .. }) = self.frames.last() else { return };
        let wanted = match declaration {
            TYPE_DECL | COMPONENT | EXTERN_RESOURCE | EXTERN_ROLE => TYPE_IDENT,
            PARAM | LET | FN | FN_PARAM | RESOURCE | GROUP | METADATA | OUTPUT | FIELD_DECL | MEMBER | FOR => IDENT,
            _ => return,
        };
        if kind != wanted {
            let (declaration, start, text) = (*declaration, self.at, self.text);
            self.errors.push_with(|| messages::name_case(declaration, text, start, end));
        }
    }
}
