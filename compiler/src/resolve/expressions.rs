//! Expressions.

use kit_lang::ast;
use kit_lang::{Diagnostic, SyntaxKind, SyntaxNode};

use super::{DeclKind, Found, Resolver, types};
use crate::codes;
use crate::hir::{Arm, BinaryOp, Binding, DefRef, Expr, ExprId, Pattern, Piece, TextSpan, UnaryOp};
use crate::names::Name;
use crate::report::DiagnosticExt as _;

/// How deep an expression may nest, chains of operators and fields included: what walks it recurses, and
/// no one reads a tenth of this.
const MAX_EXPRESSION_DEPTH: u32 = 100;

impl Resolver<'_> {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> ExprId {
        let span = Self::text_span(expr);
        if self.depth >= MAX_EXPRESSION_DEPTH {
            self.error(codes::TOO_MUCH, span, || {
                format!("an expression nested more than {MAX_EXPRESSION_DEPTH} levels deep: name its parts with `let`")
            });
            return self.wrong(span);
        }
        self.depth += 1;
        let read = self.read_expr(expr, span);
        self.depth -= 1;
        match read {
            Read::Expr(expr) => self.push(expr, span),
            Read::Done(id) => id,
        }
    }

    fn read_expr(&mut self, expr: &ast::Expr, span: TextSpan) -> Read {
        Read::Expr(match expr {
            ast::Expr::Literal(literal) => match literal.value() {
                None => Expr::Error,
                Some(value) => self.literal(value, span),
            },
            ast::Expr::String(text) => self.string(text),
            ast::Expr::Script(script) => {
                let text = script.content().text;
                match kit_graph::shell_of(&text) {
                    Ok(_) => Expr::Script(text.into()),
                    Err(why) => {
                        self.error(codes::SCRIPT_TEXT, span, || why);
                        Expr::Error
                    }
                }
            }
            ast::Expr::Name(name) => match name.name() {
                Some(name) => self.name(&name),
                None => Expr::Error,
            },
            ast::Expr::Record(record) => Expr::Record(self.block(record.block()).into()),
            ast::Expr::List(list) => Expr::List(self.elements(&mut list.elements()).into()),
            ast::Expr::Paren(paren) => match paren.inner() {
                Some(inner) => return Read::Done(self.expr(&inner)),
                None => Expr::Error,
            },
            // A name with a capital and no block, which the parser has reported.
            ast::Expr::Construct(construct) if construct.block().is_none() => Expr::Error,
            ast::Expr::Construct(construct) => {
                let path = construct.type_path();
                let found = path.as_ref().and_then(|path| self.type_path(path));
                let items = self.block(construct.block());
                match found {
                    Some((def, DeclKind::ExternResource | DeclKind::Component)) => {
                        Expr::Construct { def, items: items.into() }
                    }
                    Some((_, DeclKind::Refused)) | None => Expr::Error,
                    Some((def, kind)) => {
                        let path = self.program_path(def);
                        let at = self.span(span);
                        self.report.push(|_| {
                            let help = match kind {
                                DeclKind::ExternRole => {
                                    "a role stands after the name of a group: `group name: role { … }`"
                                }
                                _ => "write the record itself, `{ … }`: the field that takes it knows its type",
                            };
                            Diagnostic::error(codes::WRONG_PLACE, at, format!("`{path}` is no type of resource"))
                                .with_help(help)
                        });
                        Expr::Error
                    }
                }
            }
            ast::Expr::Unary(unary) => {
                let operand = self.expr_or_error(unary.operand(), span);
                match unary.op() {
                    Some(ast::UnaryOp::Not) => Expr::Unary { op: UnaryOp::Not, operand },
                    Some(ast::UnaryOp::Negate) => Expr::Unary { op: UnaryOp::Negate, operand },
                    None => Expr::Error,
                }
            }
            ast::Expr::Binary(binary) => {
                let left = self.expr_or_error(binary.left(), span);
                let right = self.expr_or_error(binary.right(), span);
                match binary.op() {
                    Some(op) => Expr::Binary { op: binary_op(op), left, right },
                    None => Expr::Error,
                }
            }
            ast::Expr::Field(field) => self.field_expr(field, span),
            ast::Expr::Call(call) => self.call(call, span),
            ast::Expr::Index(index) => {
                let base = self.expr_or_error(index.base(), span);
                let index = self.expr_or_error(index.index(), span);
                Expr::Index { base, index }
            }
            ast::Expr::With(with) => {
                let base = self.expr_or_error(with.base(), span);
                let items = self.block(with.block());
                Expr::With { base, items: items.into() }
            }
            ast::Expr::If(conditional) => Expr::If {
                condition: self.expr_or_error(conditional.condition(), span),
                then: self.expr_or_error(conditional.then_value(), span),
                otherwise: self.expr_or_error(conditional.else_value(), span),
            },
            ast::Expr::Match(matched) => {
                let value = self.expr_or_error(matched.scrutinee(), span);
                let arms = matched.arms().map(|arm| self.arm(&arm)).collect();
                Expr::Match { value, arms }
            }
        })
    }

    fn arm(&mut self, arm: &ast::MatchArm) -> Arm {
        let span = Self::text_span(arm);
        let mut patterns = Vec::new();
        let mut rest = false;
        for alternative in arm.pattern().into_iter().flat_map(|pattern| pattern.alternatives()) {
            match alternative {
                ast::PatternAlternative::Value(value) => patterns.push(Pattern::Value(self.expr(&value))),
                ast::PatternAlternative::Rest(name) if name.text() == "_" => rest = true,
                ast::PatternAlternative::Rest(name) => match types::scalar(name.text()) {
                    Some(ty) => patterns.push(Pattern::Type(ty, Self::name_span(&name))),
                    None => patterns.push(Pattern::Value(self.no_pattern(&name))),
                },
            }
        }
        if rest {
            patterns.clear();
        } else if patterns.is_empty() {
            patterns.push(Pattern::Value(self.wrong(span)));
        }
        let value = self.expr_or_error(arm.value(), span);
        Arm { patterns, span, value }
    }

    fn no_pattern(&mut self, name: &ast::Name) -> ExprId {
        let wrong = self.wrong(Self::name_span(name));
        let at = self.span(Self::name_span(name));
        self.report.push(|suggester| {
            let help = match name.text() {
                "default" | "else" | "otherwise" => Some("what is left is `_`".to_owned()),
                "case" => Some("an arm is the pattern alone: `\"small\" => 1`".to_owned()),
                text => types::meant(text)
                    .filter(|known| types::scalar(known).is_some())
                    .map(|known| format!("did you mean `{known}`?"))
                    .or_else(|| suggester.did_you_mean(text, types::SCALARS.iter().copied())),
            };
            let other = || "to compare with another value, use `if … then … else …`".to_owned();
            let what = "a pattern is a literal, a range of literals, a type of single values or `_`";
            Diagnostic::error(codes::MATCH_ARMS, at, format!("`{name}` is no pattern: {what}"))
                .with_help(help.unwrap_or_else(other))
        });
        wrong
    }

    fn literal(&mut self, value: ast::LiteralValue, span: TextSpan) -> Expr {
        let too_large = |resolver: &mut Self, what: &str| {
            resolver.error(codes::ARITHMETIC, span, || {
                format!("this {what} is too large: 64 bits hold no more than {}", i64::MAX)
            });
            Expr::Error
        };
        match value {
            ast::LiteralValue::None => Expr::None,
            ast::LiteralValue::Bool(truth) => Expr::Bool(truth),
            ast::LiteralValue::Int(number) => Expr::Int(number),
            ast::LiteralValue::Ip(ip) => Expr::Ip(ip),
            ast::LiteralValue::Cidr(cidr) => Expr::Cidr(cidr),
            ast::LiteralValue::Bytes(bytes) => match i64::try_from(bytes) {
                Ok(bytes) => Expr::Bytes(bytes),
                Err(_) => too_large(self, "size"),
            },
            ast::LiteralValue::DurationMs(duration_ms) => match i64::try_from(duration_ms) {
                Ok(duration_ms) => Expr::Duration(duration_ms),
                Err(_) => too_large(self, "duration"),
            },
            ast::LiteralValue::Percent(percent) => Expr::Percent(i64::from(percent)),
        }
    }

    fn string(&mut self, text: &ast::StringExpr) -> Expr {
        if let Some(plain) = text.plain_text() {
            // The same text often stands many times; it is kept once.
            let name = self.program.names.intern(&plain);
            return Expr::Str(self.program.names.shared(name));
        }
        let mut pieces = Vec::new();
        for part in text.parts() {
            pieces.push(match part {
                ast::StringPart::Text(text) => Piece::Text(text.into()),
                ast::StringPart::Interpolation(inner) => {
                    let span = Self::text_span(&inner);
                    Piece::Value(self.expr_or_error(inner.expr(), span))
                }
            });
        }
        Expr::Interpolation(pieces.into())
    }

    fn name(&mut self, written: &ast::Name) -> Expr {
        let name = self.program.names.intern(written.text());
        if let Some(slot) = self.scope.iter().rposition(|(known, _)| *known == name) {
            if let Some((_, read)) = self.variables.get_mut(&self.scope[slot].1) {
                *read = true;
            }
            return Expr::Local(u32::try_from(slot).unwrap_or(u32::MAX));
        }
        let span = Self::name_span(written);
        match self.find(name) {
            Some(Found::Def(def, kind)) => self.definition_as_value(def, kind, span),
            Some(Found::Module(None)) => Expr::Error,
            Some(Found::Module(Some(_))) => {
                if let Some(run) = unquoted(written) {
                    self.without_quotes(written, &run);
                    return Expr::Error;
                }
                self.error(codes::WRONG_PLACE, span, || {
                    format!("`{written}` is a module; a value of it is written `{written}.name`")
                });
                Expr::Error
            }
            None => {
                self.undefined(written, name);
                Expr::Error
            }
        }
    }

    /// `eu-west-1`, which is read as a subtraction.
    fn without_quotes(&mut self, written: &ast::Name, run: &SyntaxNode) {
        let range = run.text_range();
        let span = self.span(TextSpan { start: range.start().into(), end: range.end().into() });
        self.reported_to = span.end;
        let run = run.text();
        self.report.push(|_| {
            Diagnostic::error(
                codes::UNDEFINED,
                span,
                format!("`{run}` is read as a subtraction from `{written}`, which is no value"),
            )
            .with_help(format!("write \"{run}\" if a text is meant"))
        });
    }

    fn definition_as_value(&mut self, def: DefRef, kind: DeclKind, span: TextSpan) -> Expr {
        if self.hidden_from_component(def, kind, span) {
            return Expr::Error;
        }
        match kind {
            DeclKind::Refused | DeclKind::Output => Expr::Error,
            DeclKind::Param | DeclKind::Resource | DeclKind::Group if self.in_function => {
                let path = self.program_path(def);
                let at = self.span(span);
                self.report.push(|_| {
                    Diagnostic::error(
                        codes::FUNCTION_SCOPE,
                        at,
                        format!("a function does not see `{path}`: it sees its arguments, constants and functions"),
                    )
                    .with_help("add an argument, and give it where the function is called")
                });
                Expr::Error
            }
            DeclKind::Param | DeclKind::Let | DeclKind::Resource | DeclKind::Group => Expr::Def(def),
            DeclKind::Fn => {
                let path = self.program_path(def);
                self.error(codes::WRONG_PLACE, span, || format!("`{path}` is a function; call it: `{path}(…)`"));
                Expr::Error
            }
            DeclKind::Type | DeclKind::ExternResource | DeclKind::ExternRole | DeclKind::Component => {
                let path = self.program_path(def);
                self.error(codes::WRONG_PLACE, span, || format!("`{path}` is a type, and a value is wanted here"));
                Expr::Error
            }
        }
    }

    fn undefined(&mut self, written: &ast::Name, name: Name) {
        let text = written.text();
        let span = self.span(Self::name_span(written));
        if self.broken.may_declare(text) || span.start < self.reported_to {
            return;
        }
        if let Some(run) = unquoted(written) {
            let whole = run.text().to_string();
            if self.program.names.find(&whole).is_some_and(|name| self.by_name.contains_key(&name)) {
                // It is declared by that name, which was refused.
                self.reported_to = run.text_range().end().into();
                return;
            }
            let known: Vec<Name> =
                self.scope.iter().map(|(name, _)| *name).chain(self.by_name.keys().copied()).collect();
            let names = &self.program.names;
            if self.report.nearest(text, known.iter().map(|name| names.text(*name))).is_none() {
                self.without_quotes(written, &run);
                return;
            }
        }
        let names = &self.program.names;
        let of_values = self.is_of_values;
        let (scope, by_name, program) = (&self.scope, &self.by_name, &*self.program);
        self.report.push(|suggester| {
            let known = scope.iter().map(|(name, _)| *name).chain(by_name.keys().copied()).map(|name| names.text(name));
            let offering = by_name.iter().find_map(|(module_name, binding)| match binding {
                Binding::Module(Some(module), _) if program.module(*module).by_name.contains_key(&name) => {
                    Some(names.text(*module_name))
                }
                _ => None,
            });
            let help = match (text, kit_stdlib::MODULES.iter().find(|module| module.name == text), offering) {
                ("null" | "nil", ..) => Some("the absent value is `none`".to_owned()),
                _ if of_values => {
                    Some(format!("a file of parameters has values alone; write \"{text}\" if a text is meant"))
                }
                ("yes" | "no" | "on" | "off", ..) => Some("a bool is `true` or `false`".to_owned()),
                ("var" | "local" | "param" | "params" | "self" | "this" | "input" | "each", ..) => {
                    Some("a value is read by its name alone: `name`, whatever declares it".to_owned())
                }
                ("not", ..) => Some("negation is `!`".to_owned()),
                ("range", ..) => Some("a range is written with its ends: `1..=3`".to_owned()),
                ("env" | "environ" | "getenv", ..) => Some(
                    "what the environment holds is declared and read as metadata: `metadata env { HOME: string }`, `meta.env.HOME`"
                        .to_owned(),
                ),
                ("metadata", ..) => Some("metadata is read from `meta`, such as meta.env.HOME".to_owned()),
                ("file" | "readfile" | "read", ..) => {
                    Some("a file is given for a parameter, as `--set name=@FILE`".to_owned())
                }
                ("secret", ..) => Some("a secret is a parameter: `param token: secret<string>`".to_owned()),
                ("len" | "length" | "size", ..) => {
                    Some("how many there are is `.count`, and of a text `.length`".to_owned())
                }
                ("concat" | "merge", ..) => {
                    Some("lists are joined by repetition: `[for x in a { x }, for x in b { x }]`".to_owned())
                }
                ("count", ..) => Some(
                    "machines of a `count` have no numbers: write `for n in 1..=3 { member \"m${n}\" { … } }`"
                        .to_owned(),
                ),
                ("str" | "tostring" | "toset" | "tolist" | "int" | "string", ..) => {
                    Some("no value becomes another by itself; a text of a value is \"${…}\"".to_owned())
                }
                _ if is_sibling(written) => Some(format!(
                    "fields do not see each other: name the value with `let`, and use it for `{text}` too"
                )),
                ("meta", ..) => Some("metadata is read by its whole path, such as meta.aws.region".to_owned()),
                ("it", ..) => Some("`it` exists only in `where … else …`".to_owned()),
                (_, Some(module), _) => Some(format!("write `use {}` at the top of the file", module.path)),
                (_, _, Some(module)) => Some(format!("did you mean `{module}.{text}`?")),
                _ => suggester.did_you_mean(text, known).or_else(|| {
                    let whole = with_fields(written).unwrap_or_else(|| text.to_owned());
                    Some(format!("declare it with `let` or `param`, or write \"{whole}\" if a text is meant"))
                }),
            };
            Diagnostic::error(codes::UNDEFINED, span, format!("nothing is named `{text}`")).maybe_help(help)
        });
    }

    /// A name followed by fields may be a module's definition, metadata, or a value's field.
    fn field_expr(&mut self, field: &ast::FieldExpr, span: TextSpan) -> Expr {
        let (Some(base), Some(written)) = (field.base(), field.field()) else {
            return Expr::Error;
        };
        if let Some(root) = self.free_root(&base) {
            if root.text() == "meta" {
                return self.metadata(&ast::Expr::Field(field.clone()), None, span);
            }
            if let Some(module) = self.module_of(&base) {
                let Some(module) = module else { return Expr::Error };
                let Some((def, kind)) = self.find_in_module(module, &written) else { return Expr::Error };
                return self.definition_as_value(def, kind, Self::name_span(&written));
            }
        }
        let base = self.expr(&base);
        let name = self.program.names.intern(written.text());
        Expr::Field { base, name, name_start: Self::name_span(&written).start }
    }

    /// The name that a chain of fields begins with, if it is no variable.
    fn free_root(&self, expr: &ast::Expr) -> Option<ast::Name> {
        let mut expr = expr.clone();
        // A chain is as deep as the tree, which the parser bounds.
        loop {
            match expr {
                ast::Expr::Field(field) => expr = field.base()?,
                ast::Expr::Name(name) => {
                    let written = name.name()?;
                    let known = self.program.names.find(written.text());
                    let local = known.is_some_and(|name| self.scope.iter().any(|(local, _)| *local == name));
                    return (!local).then_some(written);
                }
                _ => return None,
            }
        }
    }

    /// The module that an expression names by itself; `Some(None)` for one that was not found.
    fn module_of(&self, expr: &ast::Expr) -> Option<Option<u16>> {
        let ast::Expr::Name(name) = expr else { return None };
        let written = name.name()?;
        match self.find(self.program.names.find(written.text())?)? {
            Found::Module(module) => Some(module),
            Found::Def(..) => None,
        }
    }

    fn call(&mut self, call: &ast::CallExpr, span: TextSpan) -> Expr {
        match call.callee() {
            Some(ast::Expr::Name(name)) => {
                let args = self.args(call);
                let Some(written) = name.name() else { return Expr::Error };
                let name = self.program.names.intern(written.text());
                let at = Self::name_span(&written);
                if self.scope.iter().any(|(known, _)| *known == name) {
                    self.error(codes::WRONG_PLACE, at, || format!("`{written}` is a value and cannot be called"));
                    return Expr::Error;
                }
                match self.find(name) {
                    Some(Found::Def(def, kind)) => self.call_of(def, kind, args, at),
                    Some(Found::Module(None)) => Expr::Error,
                    Some(Found::Module(Some(_))) => {
                        self.error(codes::WRONG_PLACE, at, || format!("`{written}` is a module and cannot be called"));
                        Expr::Error
                    }
                    None => {
                        self.undefined(&written, name);
                        Expr::Error
                    }
                }
            }
            Some(ast::Expr::Field(field)) => {
                let (Some(base), Some(written)) = (field.base(), field.field()) else { return Expr::Error };
                if let Some(root) = self.free_root(&base) {
                    if root.text() == "meta" {
                        let args = self.args(call);
                        return self.metadata(&ast::Expr::Field(field), Some(args), span);
                    }
                    if let Some(module) = self.module_of(&base) {
                        let args = self.args(call);
                        let Some(module) = module else { return Expr::Error };
                        let Some((def, kind)) = self.find_in_module(module, &written) else { return Expr::Error };
                        return self.call_of(def, kind, args, Self::name_span(&written));
                    }
                }
                let base = self.expr(&base);
                let args = self.args(call);
                let name = self.program.names.intern(written.text());
                Expr::CallMethod { base, name, name_start: Self::name_span(&written).start, args: args.into() }
            }
            _ => {
                self.error(codes::WRONG_PLACE, span, || "only a function or a method can be called".to_owned());
                Expr::Error
            }
        }
    }

    fn args(&mut self, call: &ast::CallExpr) -> Vec<ExprId> {
        call.args().map(|arg| self.expr(&arg)).collect()
    }

    fn call_of(&mut self, def: DefRef, kind: DeclKind, args: Vec<ExprId>, at: TextSpan) -> Expr {
        match kind {
            DeclKind::Fn => Expr::CallFn { function: def, args: args.into() },
            DeclKind::Refused => Expr::Error,
            _ => {
                let path = self.program_path(def);
                self.error(codes::WRONG_PLACE, at, || format!("`{path}` is no function and cannot be called"));
                Expr::Error
            }
        }
    }
}

/// What begins with a name and has `-` without a space, as a text without quotes has it: `eu-west-1`.
fn unquoted(written: &ast::Name) -> Option<SyntaxNode> {
    let run = whole_around(written)?;
    run.text().contains_char('-').then_some(run)
}

/// A name with the fields behind it, as a text without quotes looks: `t3.small`.
fn with_fields(written: &ast::Name) -> Option<String> {
    whole_around(written).map(|run| run.text().to_string())
}

/// The widest expression that begins with a name and has nothing but letters, digits, `-`, `_` and `.`.
fn whole_around(written: &ast::Name) -> Option<SyntaxNode> {
    let start = written.token().text_range().start();
    let is_plain = |node: &SyntaxNode| {
        node.text_range().start() == start
            && matches!(node.kind(), SyntaxKind::BINARY_EXPR | SyntaxKind::FIELD_EXPR | SyntaxKind::NAME_EXPR)
            && node.descendants_with_tokens().filter_map(|element| element.into_token()).all(|token| {
                token.text().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            })
    };
    let run = written.token().parent_ancestors().take_while(is_plain).last()?;
    (run.kind() != SyntaxKind::NAME_EXPR).then_some(run)
}

/// Whether a name is that of a field beside the one in which it stands.
fn is_sibling(written: &ast::Name) -> bool {
    written.token().parent_ancestors().filter_map(<ast::Block as ast::AstNode>::cast).any(|block| {
        block
            .fields()
            .any(|field| matches!(field.key(), Some(ast::FieldKey::Name(name)) if name.text() == written.text()))
    })
}

/// An expression that was read: new, or one that stands already (parentheses leave no trace).
enum Read {
    Expr(Expr),
    Done(ExprId),
}

fn binary_op(op: ast::BinaryOp) -> BinaryOp {
    match op {
        ast::BinaryOp::Add => BinaryOp::Add,
        ast::BinaryOp::Subtract => BinaryOp::Sub,
        ast::BinaryOp::Multiply => BinaryOp::Mul,
        ast::BinaryOp::Equal => BinaryOp::Eq,
        ast::BinaryOp::NotEqual => BinaryOp::NotEq,
        ast::BinaryOp::Less => BinaryOp::Less,
        ast::BinaryOp::LessOrEqual => BinaryOp::LessEq,
        ast::BinaryOp::Greater => BinaryOp::Greater,
        ast::BinaryOp::GreaterOrEqual => BinaryOp::GreaterEq,
        ast::BinaryOp::And => BinaryOp::And,
        ast::BinaryOp::Or => BinaryOp::Or,
        ast::BinaryOp::Coalesce => BinaryOp::Coalesce,
        ast::BinaryOp::In => BinaryOp::In,
        ast::BinaryOp::Range => BinaryOp::Range,
    }
}
