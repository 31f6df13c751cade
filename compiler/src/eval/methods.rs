//! Methods and attributes of the built-in types.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::operators::compare;
use super::{Evaluator, MAX_ELEMENTS, MAX_TEXT_BYTES};
use crate::codes;
use crate::hir::ExprId;
use crate::names::Name;
use crate::value::{Data, Origin, Value};

/// Why a method gives nothing.
enum Trouble {
    /// The result does not exist, in words.
    None(String),
    Overflow,
    /// The checker has let no such call through.
    Unfit,
}

impl Evaluator<'_> {
    /// What is read without a call.
    pub(super) fn attribute(&self, data: &Data, name: Name, origin: Origin) -> Option<Value> {
        let whole = |count: usize| Data::Int(i64::try_from(count).unwrap_or(i64::MAX));
        let found = match (data, self.program.names.text(name)) {
            (Data::Cidr(net), "first") => Data::Ip(net.network()),
            (Data::Cidr(net), "last") => Data::Ip(net.broadcast()),
            (Data::Cidr(net), "prefix") => Data::Int(i64::from(net.prefix_len())),
            (Data::List(items), "count") => whole(items.len()),
            (Data::Range(first, last), "count") => Data::Int(last.checked_sub(*first)?.checked_add(1)?.max(0)),
            (Data::Range(first, last), "first") => {
                if first <= last {
                    Data::Int(*first)
                } else {
                    Data::None
                }
            }
            (Data::Range(first, last), "last") => {
                if first <= last {
                    Data::Int(*last)
                } else {
                    Data::None
                }
            }
            (Data::List(items), "first") => {
                return Some(items.first().cloned().unwrap_or(Value::new(Data::None, origin)));
            }
            (Data::List(items), "last") => {
                return Some(items.last().cloned().unwrap_or(Value::new(Data::None, origin)));
            }
            (Data::Map(entries), "count") => whole(entries.len()),
            (Data::Map(entries), "keys") => {
                let keys = entries.keys().map(|key| Value::new(Data::Str(key.clone()), origin)).collect();
                Data::List(Rc::new(keys))
            }
            (Data::Map(entries), "values") => Data::List(Rc::new(entries.values().cloned().collect())),
            (Data::Str(text), "length") => whole(text.chars().count()),
            _ => return None,
        };
        Some(Value::new(found, origin))
    }

    pub(super) fn method(
        &mut self,
        module: u16,
        expr: ExprId,
        base: ExprId,
        name: Name,
        args: &[ExprId],
        origin: Origin,
    ) -> Value {
        let value = self.eval(module, base);
        if value.is_unsettled() || matches!(value.data, Data::Opaque(_)) {
            return self.undecided(module, base, value, origin);
        }
        // No method takes more than two.
        let first = args.first().map(|arg| self.eval(module, *arg));
        let second = args.get(1).map(|arg| self.eval(module, *arg));
        for (given, at) in [(&first, args.first()), (&second, args.get(1))] {
            if let (Some(given), Some(at)) = (given, at)
                && (given.is_unsettled() || matches!(given.data, Data::Opaque(_)))
            {
                let given = given.clone();
                return self.undecided(module, *at, given, origin);
            }
        }
        let text = self.program.names.text(name);
        let (first, second) = (first.map(|value| value.data), second.map(|value| value.data));
        match apply(&value, text, first.as_ref(), second.as_ref(), origin) {
            Ok(data) => Value::new(data, origin),
            Err(Trouble::None(message)) => self.fail(codes::ARITHMETIC, module, expr, || message, None),
            Err(Trouble::Overflow) => self.overflow(module, expr),
            Err(Trouble::Unfit) => match value.first_unsettled() {
                Some(open) => {
                    let open = open.clone();
                    self.undecided(module, base, open, origin)
                }
                None if value.has_opaque() => self.opaque_used(module, base),
                None => Value::new(Data::Error, origin),
            },
        }
    }
}

fn apply(
    value: &Value,
    name: &str,
    first: Option<&Data>,
    second: Option<&Data>,
    origin: Origin,
) -> Result<Data, Trouble> {
    let base = &value.data;
    Ok(match (base, name, first) {
        (_, "div" | "mod", Some(Data::Int(0) | Data::Bytes(0) | Data::Duration(0))) => {
            return Err(Trouble::None("division by zero".to_owned()));
        }
        (Data::Int(a), "div", Some(Data::Int(b))) => Data::Int(a.checked_div_euclid(*b).ok_or(Trouble::Overflow)?),
        (Data::Int(a), "mod", Some(Data::Int(b))) => Data::Int(a.checked_rem_euclid(*b).ok_or(Trouble::Overflow)?),
        (Data::Bytes(a), "div", Some(Data::Int(b))) => Data::Bytes(a.checked_div_euclid(*b).ok_or(Trouble::Overflow)?),
        (Data::Bytes(a), "mod", Some(Data::Bytes(b))) => {
            Data::Bytes(a.checked_rem_euclid(*b).ok_or(Trouble::Overflow)?)
        }
        (Data::Duration(a), "div", Some(Data::Int(b))) => {
            Data::Duration(a.checked_div_euclid(*b).ok_or(Trouble::Overflow)?)
        }
        (Data::Duration(a), "mod", Some(Data::Duration(b))) => {
            Data::Duration(a.checked_rem_euclid(*b).ok_or(Trouble::Overflow)?)
        }
        (_, "min" | "max", Some(other)) => {
            let order = compare(base, other).ok_or(Trouble::Unfit)?;
            let keep = if name == "min" { order.is_le() } else { order.is_ge() };
            if keep { base.clone() } else { other.clone() }
        }
        (Data::Percent(percent), "of", Some(Data::Int(whole))) => {
            let part = i128::from(*percent) * i128::from(*whole) / 100;
            Data::Int(i64::try_from(part).map_err(|_| Trouble::Overflow)?)
        }
        (Data::Cidr(net), "contains", Some(Data::Ip(ip))) => Data::Bool(net.contains(ip)),
        (Data::Cidr(net), "contains", Some(Data::Cidr(inner))) => Data::Bool(net.contains(inner)),
        // Two networks overlap where one lies in the other.
        (Data::Cidr(net), "overlaps", Some(Data::Cidr(other))) => {
            Data::Bool(net.contains(other) || other.contains(net))
        }
        (Data::Cidr(net), "host", Some(Data::Int(number))) => Data::Ip(host(net, *number)?),
        (Data::Cidr(net), "subnet", Some(Data::Int(prefix))) => {
            let Some(Data::Int(number)) = second else { return Err(Trouble::Unfit) };
            Data::Cidr(subnet(net, *prefix, *number)?)
        }
        (Data::Str(text), "contains", Some(Data::Str(part))) => Data::Bool(text.contains(&**part)),
        (Data::Str(text), "starts_with", Some(Data::Str(part))) => Data::Bool(text.starts_with(&**part)),
        (Data::Str(text), "ends_with", Some(Data::Str(part))) => Data::Bool(text.ends_with(&**part)),
        (Data::Str(text), "lower", None) => Data::Str(text.to_lowercase().into()),
        (Data::Str(text), "upper", None) => Data::Str(text.to_uppercase().into()),
        (Data::Str(text), "trim", None) => Data::Str(text.trim().into()),
        (Data::Str(text), "replace", Some(Data::Str(from))) => {
            let Some(Data::Str(to)) = second else { return Err(Trouble::Unfit) };
            if from.is_empty() {
                return Err(Trouble::None("there is no end to replacing the empty text".to_owned()));
            }
            let grown = text.len() + text.matches(&**from).count() * to.len();
            if grown > MAX_TEXT_BYTES {
                return Err(Trouble::None(format!("the text grows beyond {MAX_TEXT_BYTES} bytes")));
            }
            Data::Str(text.replace(&**from, to).into())
        }
        (Data::Str(text), "split", Some(Data::Str(separator))) => {
            if separator.is_empty() {
                return Err(Trouble::None("a text cannot be split at the empty text".to_owned()));
            }
            let parts = text.split(&**separator).map(|part| Value::new(Data::Str(part.into()), origin)).collect();
            Data::List(Rc::new(parts))
        }
        (Data::List(items), "reverse", None) => Data::List(Rc::new(items.iter().rev().cloned().collect())),
        (Data::List(items), "distinct", None) => {
            /// Beyond this, comparing each with each takes seconds.
            const MAX_COMPARED: usize = 5_000;
            if items.len() > MAX_COMPARED {
                return Err(Trouble::None(format!("`distinct` takes at most {MAX_COMPARED} elements")));
            }
            if value.first_unsettled().is_some() || value.has_opaque() {
                return Err(Trouble::Unfit);
            }
            let mut kept: Vec<Value> = Vec::new();
            for item in items.iter() {
                if !kept.contains(item) {
                    kept.push(item.clone());
                }
            }
            Data::List(Rc::new(kept))
        }
        (Data::Range(first, last), "reverse" | "distinct", None) => {
            let count = last.checked_sub(*first).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
            if count >= MAX_ELEMENTS {
                return Err(Trouble::None(format!("a list has at most {MAX_ELEMENTS} elements")));
            }
            let mut numbers: Vec<Value> =
                (*first..=*last).map(|number| Value::new(Data::Int(number), origin)).collect();
            if name == "reverse" {
                numbers.reverse();
            }
            Data::List(Rc::new(numbers))
        }
        (Data::List(items), "join", Some(Data::Str(separator))) => {
            let mut text = String::new();
            for (index, item) in items.iter().enumerate() {
                let Data::Str(part) = &item.data else { return Err(Trouble::Unfit) };
                if index > 0 {
                    text.push_str(separator);
                }
                text.push_str(part);
                if text.len() > MAX_TEXT_BYTES {
                    return Err(Trouble::None(format!("the text grows beyond {MAX_TEXT_BYTES} bytes")));
                }
            }
            Data::Str(text.into())
        }
        (Data::Map(entries), "get", Some(Data::Str(key))) => {
            entries.get(key).map_or(Data::None, |value| value.data.clone())
        }
        _ => return Err(Trouble::Unfit),
    })
}

/// How many addresses lie behind the first of a network; the largest are cut to what a number holds.
fn span_of(net: &IpNet) -> u128 {
    let bits = u32::from(net.max_prefix_len() - net.prefix_len());
    if bits >= 127 { u128::MAX } else { (1u128 << bits) - 1 }
}

fn add_to(ip: IpAddr, offset: u128) -> Option<IpAddr> {
    Some(match ip {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from(u32::from(ip).checked_add(u32::try_from(offset).ok()?)?)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip).checked_add(offset)?)),
    })
}

/// The nth address of a network, counted from its first.
fn host(net: &IpNet, number: i64) -> Result<IpAddr, Trouble> {
    u128::try_from(number)
        .ok()
        .filter(|offset| *offset <= span_of(net))
        .and_then(|offset| add_to(net.network(), offset))
        .ok_or_else(|| Trouble::None(format!("{net} has no address {number}: its addresses are 0 to {}", span_of(net))))
}

/// The nth network of a prefix inside a network.
fn subnet(net: &IpNet, prefix: i64, number: i64) -> Result<IpNet, Trouble> {
    let max = net.max_prefix_len();
    let prefix =
        u8::try_from(prefix).ok().filter(|prefix| (net.prefix_len()..=max).contains(prefix)).ok_or_else(|| {
            Trouble::None(format!("{net} holds no networks of /{prefix}: only of /{} to /{max}", net.prefix_len()))
        })?;
    let none = || Trouble::None(format!("{net} holds no network {number} of /{prefix}"));
    let step = u32::from(max - prefix);
    let offset =
        u128::try_from(number).ok().and_then(|number| number.checked_mul(1u128.checked_shl(step)?)).ok_or_else(none)?;
    if offset > span_of(net) {
        return Err(none());
    }
    match add_to(net.network(), offset).ok_or_else(none)? {
        IpAddr::V4(ip) => Ipv4Net::new(ip, prefix).map(IpNet::V4).map_err(|_| none()),
        IpAddr::V6(ip) => Ipv6Net::new(ip, prefix).map(IpNet::V6).map_err(|_| none()),
    }
}
