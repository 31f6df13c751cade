//! The program with its names resolved: compact, without trivia, each expression a number.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use indexmap::IndexMap;
use ipnet::IpNet;
use kit_lang::{SourceId, Span};

use crate::names::{Name, Names};
use crate::types::{RecordTy, Ty};

/// A definition: which module, and which of its definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DefRef {
    pub(crate) module: u16,
    pub(crate) index: u32,
}

/// An expression of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExprId(pub(crate) u32);

/// An expression of any module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExprRef {
    pub(crate) module: u16,
    pub(crate) expr: ExprId,
}

/// Bytes `start..end` of the module's source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct TextSpan {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// All modules of a compilation.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) names: Names,
    /// Files and components, in the order in which they were met.
    pub(crate) modules: Vec<Module>,
    /// Files of parameters, which are modules with nothing but values.
    pub(crate) params_files: Vec<ParamsFile>,
    /// Instances of components, numbered on from the modules: an instance has the expressions and
    /// definitions of its component, and values of its own. They are found while values are worked out.
    instances: RefCell<Vec<InstanceName>>,
}

/// A file of parameters.
#[derive(Debug)]
pub(crate) struct ParamsFile {
    pub(crate) module: u16,
    /// The values by the names of the parameters.
    pub(crate) values: Vec<(Name, ExprId)>,
}

/// What a program knows of an instance of a component.
#[derive(Debug)]
struct InstanceName {
    component: u16,
    address: Rc<str>,
}

/// One file, or one component, which is a file in braces.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) source: SourceId,
    /// The name that others reach it by; empty for the user's file.
    pub(crate) name: Rc<str>,
    /// Part of the standard library; all else is what the operator wrote.
    pub(crate) is_std: bool,
    /// A component, and no file.
    pub(crate) is_component: bool,
    pub(crate) exprs: Vec<Expr>,
    pub(crate) spans: Vec<TextSpan>,
    pub(crate) defs: Vec<Def>,
    pub(crate) by_name: IndexMap<Name, Binding, std::hash::BuildHasherDefault<rustc_hash::FxHasher>>,
    pub(crate) clusters: Vec<Cluster>,
    /// `require` at the top level, perhaps within `for` and `if`.
    pub(crate) requires: Vec<Item>,
    /// Its outputs, by the numbers of their definitions.
    pub(crate) outputs: Vec<u32>,
    pub(crate) metadata: Vec<MetaEntry>,
    pub(crate) tests: Vec<TestDecl>,
    /// What is declared and asked for by nothing in the file.
    pub(crate) unused: Vec<Unused>,
    /// Comments that allow warnings.
    pub(crate) allowances: Vec<Allowance>,
    /// What could not be read may have been the cluster.
    pub(crate) has_lost_cluster: bool,
}

/// A name that nothing in its file asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unused {
    pub(crate) name: Name,
    pub(crate) span: TextSpan,
    pub(crate) kind: UnusedKind,
}

/// What a name is that nothing asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnusedKind {
    /// A declaration, in a word.
    Declared(&'static str),
    /// A module that is used by `use` alone.
    Module,
    /// A variable of a `for` or of a test, or an argument of a function.
    Variable,
}

/// A comment that allows warnings of a line: `# allow KIT6001: why`.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    /// What is allowed, and where it stands.
    pub(crate) code: (Rc<str>, TextSpan),
    /// It says why.
    pub(crate) has_reason: bool,
    /// The bytes of the line that it is about.
    pub(crate) line: TextSpan,
}

impl Module {
    /// A file of which nothing is read yet.
    pub(crate) fn empty(source: SourceId, name: Rc<str>, is_std: bool) -> Self {
        Self {
            source,
            name,
            is_std,
            is_component: false,
            exprs: Vec::new(),
            spans: Vec::new(),
            defs: Vec::new(),
            by_name: IndexMap::default(),
            clusters: Vec::new(),
            requires: Vec::new(),
            outputs: Vec::new(),
            metadata: Vec::new(),
            tests: Vec::new(),
            unused: Vec::new(),
            allowances: Vec::new(),
            has_lost_cluster: false,
        }
    }
}

impl Module {
    /// Whether it is what a module that is used may be: it offers something, describes no cluster, and asks for nothing.
    pub(crate) fn is_for_others(&self) -> bool {
        let is_of_a_cluster = |def: &Def| {
            matches!(
                def.kind,
                DefKind::Param { .. } | DefKind::Resource { .. } | DefKind::Group { .. } | DefKind::Output { .. }
            )
        };
        self.clusters.is_empty()
            && self.metadata.is_empty()
            && !self.defs.is_empty()
            && !self.defs.iter().any(is_of_a_cluster)
    }
}

/// What a name of the top level stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binding {
    Def(u32),
    /// A module that was used; none if it could not be found, which was reported.
    Module(Option<u16>, TextSpan),
}

/// A definition of the top level.
#[derive(Debug)]
pub(crate) struct Def {
    pub(crate) name: Name,
    pub(crate) name_span: TextSpan,
    pub(crate) kind: DefKind,
}

/// What a definition is.
#[derive(Debug)]
pub(crate) enum DefKind {
    Param {
        ty: Ty,
        default: Option<ExprId>,
        refinement: Option<Refinement>,
    },
    Let {
        ty: Option<Ty>,
        value: ExprId,
    },
    Type {
        ty: Ty,
        refinement: Option<Refinement>,
    },
    Fn {
        params: Vec<FnParam>,
        ret: Option<Ty>,
        body: ExprId,
    },
    Resource {
        value: ExprId,
    },
    Group {
        role: Option<DefRef>,
        items: Vec<Item>,
    },
    ExternResource {
        schema: RecordTy,
        requires: Vec<Item>,
    },
    ExternRole {
        schema: RecordTy,
        requires: Vec<Item>,
    },
    /// `component Name { … }`: a module of its own, and its parameters as fields.
    Component {
        module: u16,
        schema: RecordTy,
    },
    /// An output, which has a name but is in no namespace: only who uses the component or file sees it.
    Output {
        ty: Option<Ty>,
        value: ExprId,
    },
    /// A declaration that was refused with an error; what uses its name stays silent.
    Refused,
}

/// A parameter of a function.
#[derive(Debug)]
pub(crate) struct FnParam {
    pub(crate) name: Name,
    pub(crate) ty: Ty,
    pub(crate) default: Option<ExprId>,
}

/// `where condition else "message"`, with `it` in slot 0.
#[derive(Clone, Debug)]
pub(crate) struct Refinement {
    pub(crate) module: u16,
    pub(crate) condition: ExprId,
    pub(crate) message: Option<ExprId>,
    pub(crate) span: TextSpan,
}

/// The `cluster` block.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) span: TextSpan,
    pub(crate) items: Vec<Item>,
}

/// `test "name" with { … } { … }`.
#[derive(Debug)]
pub(crate) struct TestDecl {
    pub(crate) name: Rc<str>,
    pub(crate) name_span: TextSpan,
    /// The parameters that it gives, as fields.
    pub(crate) given: Vec<Item>,
    /// Its `let`s, in the slots from 0 on.
    pub(crate) lets: Vec<TestLet>,
    /// What must hold, and what stands there by mistake.
    pub(crate) items: Vec<Item>,
    /// The code or a part of the message of the error that must come.
    pub(crate) fails_with: Option<(Rc<str>, TextSpan)>,
}

/// A `let` of a test.
#[derive(Debug)]
pub(crate) struct TestLet {
    pub(crate) name: Name,
    pub(crate) ty: Option<Ty>,
    pub(crate) value: ExprId,
}

/// What stands in braces or brackets.
#[derive(Debug)]
pub(crate) enum Item {
    /// `name = value`
    Field {
        name: Name,
        span: TextSpan,
        value: ExprId,
    },
    /// `"key" = value`
    Entry {
        key: ExprId,
        value: ExprId,
    },
    /// An element of a list.
    Element(ExprId),
    /// `member name { … }`
    Member(Box<MemberDecl>),
    /// `require condition else "message"`
    Require(Box<RequireDecl>),
    For(Box<ForItem>),
    If(Box<IfItem>),
}

/// `member m1 { … }` or `member "m${n}" { … }`.
#[derive(Debug)]
pub(crate) struct MemberDecl {
    pub(crate) id: MemberId,
    pub(crate) span: TextSpan,
    pub(crate) items: Vec<Item>,
}

/// The ID of a member.
#[derive(Debug)]
pub(crate) enum MemberId {
    Name(Name),
    Computed(ExprId),
}

/// `require condition else "message"`.
#[derive(Debug)]
pub(crate) struct RequireDecl {
    pub(crate) condition: ExprId,
    pub(crate) message: Option<ExprId>,
}

/// `for x in xs if c { … }`.
#[derive(Debug)]
pub(crate) struct ForItem {
    /// The slot of the variable; of a pair, the key's, and the value's is the next.
    pub(crate) slot: u32,
    /// `for key, value in map`
    pub(crate) pair: bool,
    pub(crate) iterated: ExprId,
    pub(crate) condition: Option<ExprId>,
    pub(crate) items: Vec<Item>,
}

/// `if c { … }`.
#[derive(Debug)]
pub(crate) struct IfItem {
    pub(crate) condition: ExprId,
    pub(crate) items: Vec<Item>,
}

/// An entry of a tree of metadata.
#[derive(Debug)]
pub(crate) struct MetaEntry {
    pub(crate) name: Name,
    /// Where the name is written.
    pub(crate) span: TextSpan,
    pub(crate) doc: Option<String>,
    pub(crate) kind: MetaKind,
}

/// What an entry of metadata is.
#[derive(Debug)]
pub(crate) enum MetaKind {
    Group(Vec<MetaEntry>),
    Value { ambient: bool, params: Option<Vec<FnParam>>, ty: Ty },
}

/// A leaf of the metadata: which module declares it and the way through the tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetaPath {
    pub(crate) module: u16,
    pub(crate) indexes: Vec<u32>,
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    And,
    Or,
    Coalesce,
    In,
    Range,
}

impl BinaryOp {
    /// Whether it compares two values.
    pub(crate) fn compares(self) -> bool {
        matches!(self, Self::Eq | Self::NotEq | Self::Less | Self::LessEq | Self::Greater | Self::GreaterEq)
    }

    /// As it is written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Eq => "==",
            Self::NotEq => "!=",
            Self::Less => "<",
            Self::LessEq => "<=",
            Self::Greater => ">",
            Self::GreaterEq => ">=",
            Self::And => "&&",
            Self::Or => "||",
            Self::Coalesce => "??",
            Self::In => "in",
            Self::Range => "..=",
        }
    }
}

/// An operator before a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Not,
    Negate,
}

/// A piece of a text with interpolations.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(Rc<str>),
    Value(ExprId),
}

/// An arm of a `match`.
#[derive(Debug)]
pub(crate) struct Arm {
    /// Alternatives; empty for `_`.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) span: TextSpan,
    pub(crate) value: ExprId,
}

/// An alternative of an arm.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// A literal, or a range of them.
    Value(ExprId),
    /// All values of a type of single values: `int`.
    Type(Ty, TextSpan),
}

/// An expression.
#[derive(Debug)]
pub(crate) enum Expr {
    /// Wrong, and reported.
    Error,
    None,
    Bool(bool),
    Int(i64),
    Str(Rc<str>),
    Ip(IpAddr),
    Cidr(IpNet),
    Bytes(i64),
    Duration(i64),
    Percent(i64),
    Interpolation(Box<[Piece]>),
    /// The text of a script.
    Script(Rc<str>),
    /// A variable of the body: the loop's, the function's argument, a field in a `require`.
    Local(u32),
    Def(DefRef),
    Meta(Box<MetaPath>, Option<Box<[ExprId]>>),
    Field {
        base: ExprId,
        name: Name,
        name_start: u32,
    },
    Index {
        base: ExprId,
        index: ExprId,
    },
    CallFn {
        function: DefRef,
        args: Box<[ExprId]>,
    },
    CallMethod {
        base: ExprId,
        name: Name,
        name_start: u32,
        args: Box<[ExprId]>,
    },
    Unary {
        op: UnaryOp,
        operand: ExprId,
    },
    Binary {
        op: BinaryOp,
        left: ExprId,
        right: ExprId,
    },
    With {
        base: ExprId,
        items: Box<[Item]>,
    },
    Record(Box<[Item]>),
    Construct {
        def: DefRef,
        items: Box<[Item]>,
    },
    List(Box<[Item]>),
    If {
        condition: ExprId,
        then: ExprId,
        otherwise: ExprId,
    },
    Match {
        value: ExprId,
        arms: Box<[Arm]>,
    },
}

impl Expr {
    /// Written as it is, not computed.
    pub(crate) fn is_literal(&self) -> bool {
        matches!(
            self,
            Self::None
                | Self::Bool(_)
                | Self::Int(_)
                | Self::Str(_)
                | Self::Ip(_)
                | Self::Cidr(_)
                | Self::Bytes(_)
                | Self::Duration(_)
                | Self::Percent(_)
                | Self::Script(_)
                | Self::Record(_)
                | Self::Construct { .. }
                | Self::List(_)
        )
    }
}

impl Program {
    /// No modules yet.
    pub(crate) fn new() -> Self {
        let mut program = Self::default();
        for name in crate::names::own::ALL {
            program.names.intern(name);
        }
        program
    }

    /// A module, also by the number of an instance.
    #[inline]
    pub(crate) fn module(&self, module: u16) -> &Module {
        &self.modules[self.written(module) as usize]
    }

    /// The module that an instance is written in; itself for what is none.
    #[inline]
    pub(crate) fn written(&self, module: u16) -> u16 {
        if usize::from(module) < self.modules.len() { module } else { self.component_of(module) }
    }

    #[cold]
    fn component_of(&self, module: u16) -> u16 {
        let index = usize::from(module) - self.modules.len();
        self.instances.borrow().get(index).map_or(0, |instance| instance.component)
    }

    /// The place of an instance among the instances.
    pub(crate) fn instance_index(&self, module: u16) -> Option<usize> {
        usize::from(module).checked_sub(self.modules.len())
    }

    /// A new instance of a component, at an address; none if there are too many to number.
    pub(crate) fn add_instance(&self, component: u16, address: Rc<str>) -> Option<u16> {
        let mut instances = self.instances.borrow_mut();
        let module = u16::try_from(self.modules.len() + instances.len()).ok()?;
        instances.push(InstanceName { component, address });
        Some(module)
    }

    /// Forgets the instances of an earlier evaluation.
    pub(crate) fn forget_instances(&self) {
        self.instances.borrow_mut().clear();
    }

    /// A definition as it is written, whatever instance it is of.
    pub(crate) fn written_def(&self, def: DefRef) -> DefRef {
        DefRef { module: self.written(def.module), index: def.index }
    }

    /// What a component is called where it is declared; for messages.
    pub(crate) fn path_of_component(&self, component: u16) -> String {
        let modules = (0..).zip(&self.modules);
        let mut defs =
            modules.flat_map(|(module, read)| (0..).zip(&read.defs).map(move |(index, _)| DefRef { module, index }));
        let declared = defs.find(|def| self.component(*def) == Some(component));
        declared.map_or_else(|| self.module(component).name.to_string(), |def| self.path_of(def))
    }

    /// The module of a component, if the definition is one.
    pub(crate) fn component(&self, def: DefRef) -> Option<u16> {
        match &self.def(def).kind {
            DefKind::Component { module, .. } => Some(*module),
            _ => None,
        }
    }

    /// What a component, or an instance of one, offers under a name: its output, or else its parameter.
    pub(crate) fn offered(&self, module: u16, name: Name) -> Option<DefRef> {
        let inside = self.module(module);
        let index = match inside.outputs.iter().find(|index| inside.defs[**index as usize].name == name) {
            Some(index) => *index,
            None => match inside.by_name.get(&name) {
                Some(Binding::Def(index)) if matches!(inside.defs[*index as usize].kind, DefKind::Param { .. }) => {
                    *index
                }
                _ => return None,
            },
        };
        Some(DefRef { module, index })
    }

    pub(crate) fn def(&self, def: DefRef) -> &Def {
        &self.module(def.module).defs[def.index as usize]
    }

    #[inline]
    pub(crate) fn expr(&self, module: u16, expr: ExprId) -> &Expr {
        &self.module(module).exprs[expr.0 as usize]
    }

    /// Whether the lookup of a key, such as `vault.token("a")`, is declared to give a secret.
    pub(crate) fn is_secret_lookup(&self, key: &str) -> bool {
        let path: Vec<&str> = key.split('(').next().unwrap_or_default().split('.').collect();
        self.modules.iter().any(|module| self.is_secret_entry(&module.metadata, &path))
    }

    fn is_secret_entry(&self, entries: &[MetaEntry], path: &[&str]) -> bool {
        let [first, rest @ ..] = path else { return false };
        entries.iter().filter(|entry| self.names.text(entry.name) == *first).any(|entry| match &entry.kind {
            MetaKind::Group(inner) => self.is_secret_entry(inner, rest),
            MetaKind::Value { ty, .. } => rest.is_empty() && self.holds_secret(ty),
        })
    }

    /// The place of an expression.
    pub(crate) fn expr_span(&self, module: u16, expr: ExprId) -> Span {
        self.span(module, self.module(module).spans[expr.0 as usize])
    }

    pub(crate) fn span(&self, module: u16, span: TextSpan) -> Span {
        Span { source: self.module(module).source, start: span.start, end: span.end }
    }

    /// Where a definition's name stands.
    pub(crate) fn def_span(&self, def: DefRef) -> Span {
        self.span(def.module, self.def(def).name_span)
    }

    /// The name of a definition, with its module if that is not the user's file: `aws.Machine`; in an instance
    /// of a component it is its address: `a.net`.
    pub(crate) fn path_of(&self, def: DefRef) -> String {
        let module = self.module(def.module);
        let name = self.names.text(self.def(def).name);
        if let Some(index) = self.instance_index(def.module)
            && let Some(instance) = self.instances.borrow().get(index)
        {
            return format!("{}.{name}", instance.address);
        }
        if module.name.is_empty() { name.to_owned() } else { format!("{}.{name}", module.name) }
    }

    /// The fields of an extern resource or role, and of a component; none for what is neither.
    #[inline]
    pub(crate) fn schema(&self, def: DefRef) -> &RecordTy {
        const EMPTY: &RecordTy = &RecordTy { fields: Vec::new() };
        match &self.def(def).kind {
            DefKind::ExternResource { schema, .. }
            | DefKind::ExternRole { schema, .. }
            | DefKind::Component { schema, .. } => schema,
            _ => EMPTY,
        }
    }

    /// What an alias stands for.
    pub(crate) fn alias_target(&self, def: DefRef) -> &Ty {
        match &self.def(def).kind {
            DefKind::Type { ty, .. } => ty,
            _ => &Ty::Error,
        }
    }

    /// A leaf of the metadata.
    pub(crate) fn meta_entry(&self, path: &MetaPath) -> Option<&MetaEntry> {
        let mut entries = &self.module(path.module).metadata;
        let (last, groups) = path.indexes.split_last()?;
        for index in groups {
            match &entries.get(*index as usize)?.kind {
                MetaKind::Group(inner) => entries = inner,
                MetaKind::Value { .. } => return None,
            }
        }
        entries.get(*last as usize)
    }

    /// The path of a leaf of the metadata, as it is written after `meta.`.
    pub(crate) fn meta_name(&self, path: &MetaPath) -> String {
        let mut entries = &self.module(path.module).metadata;
        let mut text = String::new();
        for index in &path.indexes {
            let Some(entry) = entries.get(*index as usize) else { break };
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(self.names.text(entry.name));
            if let MetaKind::Group(inner) = &entry.kind {
                entries = inner;
            }
        }
        text
    }
}
