//! The values of operators: checked arithmetic, comparisons, membership.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::Evaluator;
use crate::codes;
use crate::hir::{BinaryOp, ExprId};
use crate::value::{Data, Opaque, Origin, Value};

impl Evaluator<'_> {
    pub(super) fn overflow(&mut self, module: u16, expr: ExprId) -> Value {
        self.fail(
            codes::ARITHMETIC,
            module,
            expr,
            || format!("the result does not fit into 64 bits: at most {}", i64::MAX),
            None,
        )
    }

    pub(super) fn binary(
        &mut self,
        module: u16,
        expr: ExprId,
        op: BinaryOp,
        left: ExprId,
        right: ExprId,
        origin: Origin,
    ) -> Value {
        let a = self.eval(module, left);
        match (op, &a.data) {
            (BinaryOp::And, Data::Bool(false)) | (BinaryOp::Or, Data::Bool(true)) => {
                return Value::new(a.data, origin);
            }
            (BinaryOp::And | BinaryOp::Or, Data::Bool(_)) => {
                let b = self.eval(module, right);
                return match b.data {
                    Data::Bool(_) => Value::new(b.data, origin),
                    _ => self.undecided(module, right, b, origin),
                };
            }
            (BinaryOp::And | BinaryOp::Or, Data::Awaited(_)) => {
                // What decides alone may be on the right.
                let b = self.eval(module, right);
                let decided = Data::Bool(op == BinaryOp::Or);
                return if b.data == decided { Value::new(decided, origin) } else { Value::new(a.data, origin) };
            }
            (BinaryOp::Coalesce, Data::None) => return self.eval(module, right),
            // A secret that may be `none` is there or is not; what it is decides nothing.
            (BinaryOp::Coalesce, Data::Opaque(opaque)) if !matches!(**opaque, Opaque::Live(_)) => return a,
            (BinaryOp::Coalesce, Data::Awaited(_) | Data::Error | Data::Opaque(_)) => {
                return self.undecided(module, left, a, origin);
            }
            (BinaryOp::Coalesce, _) => return a,
            _ => {}
        }
        let b = self.eval(module, right);
        if let (Data::Opaque(opaque), Data::None) | (Data::None, Data::Opaque(opaque)) = (&a.data, &b.data)
            && matches!(op, BinaryOp::Eq | BinaryOp::NotEq)
            && !matches!(**opaque, Opaque::Live(_))
        {
            return Value::new(Data::Bool(op == BinaryOp::NotEq), origin);
        }
        for (side, at) in [(&a, left), (&b, right)] {
            if side.is_unsettled() || matches!(side.data, Data::Opaque(_)) {
                let side = side.clone();
                return self.undecided(module, at, side, origin);
            }
        }
        let data = match op {
            BinaryOp::Eq | BinaryOp::NotEq => {
                self.look_through(&a);
                self.look_through(&b);
                // What is awaited deep inside decides too; comparing with `none` asks only for presence.
                if !matches!(a.data, Data::None) && !matches!(b.data, Data::None) {
                    for (side, at) in [(&a, left), (&b, right)] {
                        if let Some(open) = side.first_unsettled() {
                            let open = open.clone();
                            return self.undecided(module, at, open, origin);
                        }
                        if side.has_opaque() {
                            return self.opaque_used(module, at);
                        }
                    }
                }
                Data::Bool((a.data == b.data) == (op == BinaryOp::Eq))
            }
            BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq => {
                match compare(&a.data, &b.data) {
                    Some(order) => Data::Bool(match op {
                        BinaryOp::Less => order == Ordering::Less,
                        BinaryOp::LessEq => order != Ordering::Greater,
                        BinaryOp::Greater => order == Ordering::Greater,
                        _ => order != Ordering::Less,
                    }),
                    None => Data::Error,
                }
            }
            BinaryOp::In => return self.membership(module, right, &a, &b, origin),
            BinaryOp::Range => match (&a.data, &b.data) {
                (Data::Int(first), Data::Int(last)) => Data::Range(*first, *last),
                _ => Data::Error,
            },
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => match arithmetic(op, &a.data, &b.data) {
                Some(Some(data)) => data,
                Some(None) => return self.overflow(module, expr),
                None => Data::Error,
            },
            BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce => Data::Error,
        };
        Value::new(data, origin)
    }

    fn membership(&mut self, module: u16, right: ExprId, a: &Value, b: &Value, origin: Origin) -> Value {
        let found = match (&a.data, &b.data) {
            (Data::Ip(ip), Data::Cidr(net)) => net.contains(ip),
            (Data::Cidr(inner), Data::Cidr(net)) => net.contains(inner),
            (Data::Int(number), Data::Range(first, last)) => (first..=last).contains(&number),
            (Data::Str(key), Data::Map(entries)) => entries.contains_key(key),
            (Data::Str(key), Data::Record(fields)) => {
                fields.iter().any(|(name, _)| self.program.names.text(*name) == &**key)
            }
            (_, Data::List(items)) => {
                let mut open = None;
                let mut hit = false;
                for item in items.iter() {
                    if item.data == a.data {
                        hit = true;
                        break;
                    }
                    if item.is_unsettled() || matches!(item.data, Data::Opaque(_)) {
                        open = Some(item.clone());
                    }
                }
                match (hit, open) {
                    (false, Some(open)) => return self.undecided(module, right, open, origin),
                    (hit, _) => hit,
                }
            }
            _ => return Value::new(Data::Error, origin),
        };
        Value::new(Data::Bool(found), origin)
    }
}

/// The order of two values of one type.
pub(super) fn compare(a: &Data, b: &Data) -> Option<Ordering> {
    Some(match (a, b) {
        (Data::Int(a), Data::Int(b))
        | (Data::Bytes(a), Data::Bytes(b))
        | (Data::Duration(a), Data::Duration(b))
        | (Data::Percent(a), Data::Percent(b)) => a.cmp(b),
        (Data::Str(a), Data::Str(b)) => a.cmp(b),
        (Data::Ip(IpAddr::V4(a)), Data::Ip(IpAddr::V4(b))) => a.cmp(b),
        (Data::Ip(a), Data::Ip(b)) => a.cmp(b),
        _ => return None,
    })
}

/// The result, or none inside if it does not fit; none outside if the operands do not.
fn arithmetic(op: BinaryOp, a: &Data, b: &Data) -> Option<Option<Data>> {
    let sum = |a: i64, b: i64| if op == BinaryOp::Add { a.checked_add(b) } else { a.checked_sub(b) };
    Some(match (op, a, b) {
        (BinaryOp::Mul, Data::Int(a), Data::Int(b)) => a.checked_mul(*b).map(Data::Int),
        (BinaryOp::Mul, Data::Int(a), Data::Bytes(b)) | (BinaryOp::Mul, Data::Bytes(a), Data::Int(b)) => {
            a.checked_mul(*b).map(Data::Bytes)
        }
        (BinaryOp::Mul, Data::Int(a), Data::Duration(b)) | (BinaryOp::Mul, Data::Duration(a), Data::Int(b)) => {
            a.checked_mul(*b).map(Data::Duration)
        }
        (BinaryOp::Mul, Data::Int(a), Data::Percent(b)) | (BinaryOp::Mul, Data::Percent(a), Data::Int(b)) => {
            a.checked_mul(*b).map(Data::Percent)
        }
        (_, Data::Int(a), Data::Int(b)) => sum(*a, *b).map(Data::Int),
        (_, Data::Bytes(a), Data::Bytes(b)) => sum(*a, *b).map(Data::Bytes),
        (_, Data::Duration(a), Data::Duration(b)) => sum(*a, *b).map(Data::Duration),
        (_, Data::Percent(a), Data::Percent(b)) => sum(*a, *b).map(Data::Percent),
        _ => return None,
    })
}
