//! Sources, grammar, lossless tree, AST, diagnostics and formatter of the Kit language.

pub mod ast;
pub mod codes;
mod depth;
mod diagnostic;
mod foreign;
mod format;
pub mod literal;
mod messages;
mod outline;
mod parse;
mod plain_token;
mod precedence;
pub mod script_text;
mod source;
pub mod string_escape;
mod syntax_error;
mod syntax_kind;
mod tree_builder;

pub use codes::CODES;
pub use depth::MAX_DEPTH;
pub use diagnostic::{Code, CodeInfo, Diagnostic, DiagnosticSink, Edit, Fix, Label, MAX_DIAGNOSTICS, Severity};
pub use format::{format, format_parsed};
pub use outline::{outline, parse_by_outline};
pub use parse::{Parse, parse};
pub use rowan::{NodeOrToken, TextRange, TextSize};
pub use source::{LineColumn, LineIndex, MAX_SOURCE_BYTES, Source, SourceId, Span, decode};
pub use syntax_kind::{Kit, SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};
